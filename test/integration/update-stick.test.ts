import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { runImportCommand } from "../../appliance/commands/import.ts";
import { until } from "../support/base-network.ts";
import { makeStick } from "../support/stick.ts";
import { UpdateRig } from "../support/update-rig.ts";

const rig = await UpdateRig.start();
const { base, folder } = rig;
after(() => rig.destroy());

/** Puts a stick in. */
const putIn = (state: string, runFolder: string, stick: string) =>
  runImportCommand(["--state", state, "--run", runFolder, "--key", rig.image.keyPath, stick], rig.signal, rig.image);

test("a USB stick goes the same way, and base is told: good, tampered, and what is no stick of ours", async () => {
  const set = await rig.makeNext();
  const { version } = set.description;
  const named = join(folder, `cepa-qemu-${version}.update`);
  await cp(set.folder, named, { recursive: true });
  const older = join(folder, "cepa-qemu-1.9.9.update");
  await mkdir(older);
  await cp(join(set.folder, "SHA256SUMS"), join(older, "SHA256SUMS"));
  const stick = join(folder, "stick");
  await makeStick(stick, 64, [older, named], 1);
  await rig.onBox(
    {},
    async () => {},
    async (state, runFolder) => {
      const content = await readFile(stick);
      const at = content.indexOf(await readFile(join(set.folder, set.names[1]))) + 1_000_000;
      content.writeUInt8(content.readUInt8(at) ^ 1, at);
      const tampered = join(folder, "tampered-stick");
      await writeFile(tampered, content);
      assert.equal(await putIn(state, runFolder, tampered), 3);
      await rig.assertTold("stick", "wrongHash", /^cepa_\S+\.root is not what was signed$/);
      const empty = join(folder, "empty-stick");
      await makeStick(empty, 64, [], 1);
      assert.equal(await putIn(state, runFolder, empty), 3);
      await rig.assertTold("stick", "missingFile", /^the stick has no folder cepa-qemu-VERSION\.update$/);
      assert.equal(await putIn(state, runFolder, join(set.folder, set.names[1])), 3);
      await rig.assertTold("stick", "unreadable", /^the stick can't be read: it has no file system, or is cut off$/);
      assert.deepEqual(await readdir(join(state, "update/stick")), []);
      assert.equal(await putIn(state, runFolder, stick), 0);
      await rig.assertReady(state, set);
      await until(
        async () => base.events().find((one) => one.name === "updateReady" && one.version === version),
        "event",
      );
    },
  );
});
