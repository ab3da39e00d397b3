import assert from "node:assert/strict";
import { hkdfSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { STATE_FILES } from "../../core/contract/identity.ts";
import { VOLUME_KEY_BYTES, VOLUME_KEY_INFO } from "../../core/contract/key-release.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { Secret } from "../../core/secret.ts";
import { sensorByName } from "../../provider/fleet/sensors.ts";
import { openShare } from "../../provider/keys/share.ts";
import { openProvider, unlockMasterKey } from "../../provider/state/provider.ts";
import { findPartition } from "../../scripts/rig/disk-image.ts";
import type { Rig } from "../../scripts/rig/rig.ts";
import type { SecretForm } from "./key-search.ts";

/** Base's share, the key that is derived from it, and the key that the store's sectors are under; its header is copied into `folder`. */
export async function storeSecrets(
  rig: Rig,
  folder: string,
  signal: AbortSignal,
): Promise<{ share: Uint8Array; passphrase: Uint8Array; volumeKey: Uint8Array }> {
  const provider = await openProvider(rig.provider.stateFolder);
  try {
    const words = (await readFile(rig.provider.passphraseFile, "utf8")).trimEnd();
    const masterKey = await unlockMasterKey(provider.paths, new Secret(new TextEncoder().encode(words)));
    const row = sensorByName(provider.database, rig.sensorName);
    assert.ok(row.wrappedShare !== null && row.wrappedWrappingKey !== null);
    const sealed = { wrappedShare: row.wrappedShare, wrappedWrappingKey: row.wrappedWrappingKey };
    const share = openShare(masterKey, row.id, sealed)?.reveal();
    assert.ok(share);
    const salt = Buffer.from(row.id, "hex");
    const passphrase = new Uint8Array(hkdfSync("sha256", share, salt, VOLUME_KEY_INFO, VOLUME_KEY_BYTES));
    const { offsetBytes } = await findPartition(rig.disk, /^nsm$/);
    const header = join(folder, "luks-header");
    await nodeExec(
      "dd",
      [`if=${rig.disk}`, `of=${header}`, "bs=1M", "count=16", `skip=${offsetBytes}`, "iflag=skip_bytes"],
      signal,
    );
    const keyOptions = ["--key-file", "-", "--keyfile-size", String(VOLUME_KEY_BYTES)];
    await nodeExec("cryptsetup", ["open", "--test-passphrase", "--type", "luks2", ...keyOptions, header], signal, {
      stdin: passphrase,
    });
    const dumped = await nodeExec(
      "cryptsetup",
      ["luksDump", "--batch-mode", "--dump-volume-key", ...keyOptions, header],
      signal,
      { stdin: passphrase },
    );
    const hex = /MK dump:\s*((?:[0-9a-f]{2}\s+)+)/.exec(dumped.stdout)?.[1]?.replace(/\s+/g, "");
    assert.ok(hex);
    return { share, passphrase, volumeKey: Buffer.from(hex, "hex") };
  } finally {
    provider.database.close();
  }
}

/** The middle of each private key on the state partition, as it stands there. */
export async function readIdentityForms(diskPath: string, signal: AbortSignal): Promise<readonly SecretForm[]> {
  const { offsetBytes } = await findPartition(diskPath, /^state$/);
  const forms: SecretForm[] = [];
  for (const path of [STATE_FILES.privateKey, STATE_FILES.emergencyKey, STATE_FILES.tlsCryptV2]) {
    const { stdout } = await nodeExec("debugfs", ["-R", `cat /${path}`, `${diskPath}?offset=${offsetBytes}`], signal);
    const [, middle = ""] = stdout.split("\n");
    assert.ok(middle.length >= 60, path);
    forms.push({ name: path, pattern: Buffer.from(middle) });
  }
  return forms;
}
