import assert from "node:assert/strict";
import { readFile, statfs } from "node:fs/promises";
import { totalmem, uptime } from "node:os";
import { test } from "node:test";
import { measureHealth } from "../../appliance/health/service.ts";
import { measureTemperatureC } from "../../appliance/health/temperature.ts";
import { loadBootId } from "../../appliance/identity-files.ts";
import { nodeClock } from "../../core/node/clock.ts";

test("the health record of this machine", async () => {
  const bootId = await loadBootId();
  const temperatureC = await measureTemperatureC();
  const nobody = { capture: null, vault: null, phoneHome: null, rootCheck: null };
  const health = await measureHealth(nodeClock, bootId, ["/", "/not/there"], nobody, temperatureC);
  const root = await statfs("/");
  assert.match(bootId, /^[0-9a-f]{32}$/);
  assert.equal(health.memoryTotalBytes, totalmem());
  assert.ok(health.memoryAvailableBytes > 0 && health.memoryAvailableBytes < health.memoryTotalBytes);
  assert.ok(Math.abs(health.uptimeMs / 1000 - uptime()) < 60);
  assert.deepEqual(
    health.disks.map(({ mount, sizeBytes }) => [mount, sizeBytes]),
    [["/", root.blocks * root.bsize]],
  );
  const names = [...(await readFile("/proc/net/dev", "utf8")).matchAll(/^\s*([^\s:|]+):/gm)].map((match) => match[1]);
  assert.deepEqual(
    health.interfaces.map(({ name }) => name),
    names.filter((name) => name !== "lo").slice(0, 32),
  );
  assert.ok(temperatureC === null || (temperatureC > -50 && temperatureC < 150));
  assert.deepEqual([health.rootHash, health.capture, health.vault, health.phoneHome], ["unknown", null, null, null]);
});
