import {
  type ContentSizes,
  contentFilesOf,
  DESCRIPTION_FILE,
  SIGNATURE_FILE,
  SUMS_FILE,
  type UpdateDescription,
} from "../core/contract/update-set.ts";
import { type ImageInputs, workPathsOf } from "./image-inputs.ts";
import { privateKeyOf, publicKeyOf } from "./key-pair.ts";
import type { Action, Step } from "./step.ts";

export interface UpdateInputs {
  readonly minimumVersion: string;
  readonly rootHash: string;
  readonly sizes: ContentSizes;
}

/** The set of a version, for `cepa update publish`; none without keys, as no box would take it. */
export function planUpdateSet(inputs: ImageInputs, update: UpdateInputs): readonly Step[] {
  const { profile, paths, version, keys, epochS } = inputs;
  if (keys === undefined) return [];
  const { work } = workPathsOf(paths, profile);
  const set = `${work}/update`;
  const folder = `${paths.dist}/cepa-${profile.name}-${version}.update`;
  const { minimumVersion, rootHash: roothash, sizes } = update;
  const description: UpdateDescription = { version, profile: profile.name, minimumVersion, epochS, roothash, sizes };
  const sources = [
    ...[`${work}/signed/cepa.efi`, `${work}/root.erofs`, `${work}/root.verity`],
    `${work}/signed/systemd-bootx64.efi`,
  ];
  const files = contentFilesOf(description);
  const onHost = (script: string, ...args: readonly string[]): Action => ({
    kind: "run",
    where: "host",
    program: "sh",
    args: ["-euc", script, "sh", set, ...args],
  });
  const names = [DESCRIPTION_FILE, ...files.map(({ name }) => name)].sort();
  return [
    {
      name: "update",
      does: "make the update of this version, and sign it",
      after: ["system", "sign"],
      inputs: [publicKeyOf(keys, "update")],
      outputs: [set, folder],
      actions: [
        { kind: "makeFolder", path: set },
        ...files.map(({ name }, at): Action => ({ kind: "lay", from: sources[at] ?? "", to: `${set}/${name}` })),
        { kind: "write", path: `${set}/${DESCRIPTION_FILE}`, text: `${JSON.stringify(description, undefined, 2)}\n` },
        onHost(`cd "$1"; shift; sha256sum -- "$@" > ${SUMS_FILE}`, ...names),
        onHost(
          `cd "$1"; openssl pkeyutl -sign -rawin -inkey "$2" -in ${SUMS_FILE} -out signature.raw; ` +
            `base64 -w 0 signature.raw > ${SIGNATURE_FILE}; rm signature.raw`,
          privateKeyOf(keys, "update"),
        ),
        { kind: "makeFolder", path: folder },
        ...[...names, SUMS_FILE, SIGNATURE_FILE].map(
          (name): Action => ({ kind: "move", from: `${set}/${name}`, to: `${folder}/${name}` }),
        ),
      ],
    },
  ];
}
