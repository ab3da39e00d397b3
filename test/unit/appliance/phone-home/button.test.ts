import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type ButtonLevel, nextButton, UNARMED } from "../../../../appliance/phone-home/button.ts";
import { readGpioLine } from "../../../../appliance/phone-home/gpio-line.ts";

const HOLD_MS = 10_000;

/** Levels by time; a state's name for each. */
for (const { name, levels, expected } of [
  {
    name: "held for long enough: asked once",
    levels: [
      [0, "released"],
      [100, "pressed"],
      [10_099, "pressed"],
      [10_100, "pressed"],
      [30_000, "pressed"],
    ],
    expected: ["released", "held", "held", "asked", "asked"],
  },
  {
    name: "let go before: nothing, and the time begins anew",
    levels: [
      [0, "released"],
      [100, "pressed"],
      [9_000, "released"],
      [9_100, "pressed"],
      [19_000, "pressed"],
    ],
    expected: ["released", "held", "released", "held", "held"],
  },
  {
    name: "pressed, or stuck, since the start: nothing",
    levels: [
      [0, "pressed"],
      [60_000, "pressed"],
      [60_100, "released"],
      [60_200, "pressed"],
    ],
    expected: ["unarmed", "unarmed", "released", "held"],
  },
  {
    name: "the chip is taken out while it is held, and put back pressed: nothing",
    levels: [
      [0, "released"],
      [100, "pressed"],
      [5_000, "unknown"],
      [5_100, "pressed"],
      [20_000, "pressed"],
    ],
    expected: ["released", "held", "unarmed", "unarmed", "unarmed"],
  },
  {
    name: "asked, let go and held again",
    levels: [
      [0, "released"],
      [1, "pressed"],
      [10_001, "pressed"],
      [10_002, "released"],
      [10_003, "pressed"],
    ],
    expected: ["released", "held", "asked", "released", "held"],
  },
] as const satisfies readonly {
  name: string;
  levels: readonly (readonly [number, ButtonLevel])[];
  expected: unknown;
}[])
  test(`nextButton: ${name}`, () => {
    let state = UNARMED;
    const names = levels.map(([nowMs, level]) => {
      state = nextButton(state, level, nowMs, HOLD_MS);
      return state.name;
    });
    assert.deepEqual(names, expected);
  });

test("readGpioLine: by the chip's label, whatever number the kernel gave it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cepa-gpio-"));
  const write = async (path: string, text: string) => {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  try {
    await write("gpiochip512/label", "cp2112_gpio\n");
    await write("gpiochip512/base", "512\n");
    await write("gpiochip512/ngpio", "8\n");
    await write("gpio515/value", "1\n");
    await write("gpio520/value", "1\n");
    await write("export", "");
    const read = (chip: string, line: number) => readGpioLine({ chip, line }, folder);
    assert.equal(await read("cp2112_gpio", 3), 1);
    await write("gpio515/value", "0\n");
    assert.equal(await read("cp2112_gpio", 3), 0);
    assert.equal(await read("cp2112_gpio", 4), undefined, "not exported");
    assert.equal(await read("cp2112_gpio", 8), undefined, "another chip's");
    assert.equal(await read("other", 3), undefined);
    assert.equal(await readGpioLine({ chip: "cp2112_gpio", line: 3 }, join(folder, "none")), undefined);
  } finally {
    await rm(folder, { recursive: true });
  }
});
