import assert from "node:assert/strict";
import { test } from "node:test";
import type { ElfLinks } from "../../../../image/tree/elf.ts";
import { closeLibraries, type LinkedFile } from "../../../../image/tree/libraries.ts";

const links = (needed: readonly string[], opened: ElfLinks["opened"] = []): ElfLinks => ({
  interpreter: undefined,
  needed,
  runPath: undefined,
  opened,
});
const FILES = new Map<string, LinkedFile>(
  [
    { path: "bin/a", links: links(["liba.so.1"]) },
    { path: "lib/liba.so.1", target: "lib/liba.so.1.2", links: links([]) },
    {
      path: "lib/liba.so.1.2",
      links: links(
        ["libc.so.6"],
        [
          { priority: "recommended", names: ["libnew.so.2", "libold.so.1"] },
          { priority: "suggested", names: ["libspare.so.1"] },
        ],
      ),
    },
    { path: "lib/libc.so.6", links: links([]) },
    { path: "lib/libold.so.1", links: links([]) },
    { path: "lib/libspare.so.1", links: links([]) },
    { path: "bin/b", links: links(["libgone.so.1"], [{ priority: "required", names: ["libkey.so.3"] }]) },
  ].map((file) => [file.path, file]),
);
const find = (name: string) => (FILES.has(`lib/${name}`) ? `lib/${name}` : undefined);

test("closeLibraries: over links, with what is opened but not what is only suggested", () => {
  const { kept, missing } = closeLibraries(["bin/a"], FILES, find);
  assert.deepEqual([...kept].sort(), ["bin/a", "lib/liba.so.1", "lib/liba.so.1.2", "lib/libc.so.6", "lib/libold.so.1"]);
  assert.deepEqual(missing, []);
});

test("closeLibraries: what is missing, and who wants it", () =>
  assert.deepEqual(closeLibraries(["bin/b"], FILES, find).missing, [
    "libgone.so.1 (wanted by bin/b)",
    "libkey.so.3 (opened by bin/b)",
  ]));
