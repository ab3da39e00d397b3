import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../../core/node/exec.ts";
import { LEAST_VERSION } from "../../../core/version.ts";
import { planImage } from "../../../image/build.ts";
import { findProfile, type ImageProfile } from "../../../image/profile.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const CHECKOUT = dirname(dirname(dirname(import.meta.dirname)));
const project = await mkdtemp(join(tmpdir(), "cepa-locked-plan-"));
after(() => rm(project, { recursive: true }));

test("planImage: of locked packages there is no plan without their lock, or with one that lacks some", async () => {
  await mkdir(join(project, "image/locks"), { recursive: true });
  for (const name of ["definitions", "profiles"])
    await symlink(join(CHECKOUT, "image", name), join(project, "image", name));
  const plan = (isLocked: boolean) =>
    planImage(
      {
        profile: findProfile("qemu") as ImageProfile,
        version: "1.0.0",
        paths: { project, cache: join(project, ".cache"), dist: join(project, "dist") },
        mirrorUrl: "http://m.example/debian/",
        keysFolder: undefined,
        isLocked,
        isCompressed: false,
        minimumVersion: LEAST_VERSION,
        epochS: 0,
      },
      { exec: nodeExec, clock: new FakeClock(), report: () => {} },
      AbortSignal.timeout(60_000),
    );
  assert.ok((await plan(false)).length > 0);
  const makesIt = {
    code: "missingInput",
    message: /locks\/qemu\.json: ENOENT.*`cepa image lock --profile qemu` makes/,
  };
  await assert.rejects(plan(true), makesIt);
  await writeFile(
    join(project, "image/locks/qemu.json"),
    JSON.stringify({ format: 1, profile: "qemu", tools: [], root: [] }),
  );
  await assert.rejects(plan(true), { code: "missingInput", message: /locks\/qemu\.json lacks / });
});
