export interface SlotUuids {
  readonly root: string;
  readonly verity: string;
}

/** A slot is found by what is in it: its two partition UUIDs are the two halves of the root hash (64 hex digits). */
export function slotUuidsOf(rootHash: string): SlotUuids {
  return { root: uuidOf(rootHash.slice(0, 32)), verity: uuidOf(rootHash.slice(32, 64)) };
}

function uuidOf(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
