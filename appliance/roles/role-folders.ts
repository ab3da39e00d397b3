/** Where a role finds and leaves things; a test gives folders of its own. */
export interface RoleFolders {
  /** `/state`. */
  readonly stateFolder: string;
  /** `/run/cepa`. */
  readonly runFolder: string;
  /** `/nsm`. */
  readonly nsmFolder: string;
}
