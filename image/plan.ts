import { planTree } from "./debian-tree.ts";
import { NEXT_DB_UPDATE, nextDbScript, withKeys } from "./enrol.ts";
import { type ImageInputs, workPathsOf } from "./image-inputs.ts";
import { publicKeyOf } from "./key-pair.ts";
import { planPartitions, renderPartition } from "./layout.ts";
import { PACKAGE_FORMAT } from "./manifest.ts";
import { planMeasuring } from "./measure.ts";
import { lockedIndexOf } from "./package-lock/kept-packages.ts";
import type { LockedTree } from "./package-lock/lock-file.ts";
import { SECURE_BOOT_KEYS } from "./secure-boot-keys.ts";
import { planSigning } from "./sign.ts";
import { type Action, copyFile, inShell, inTools, type Step } from "./step.ts";
import { ukiArguments } from "./uki.ts";

/** Fixed, so that the same files give the same image; the root hash is what tells images apart. */
const FILE_SYSTEM_UUID = "6e0a1f52-93c4-4c8e-8f0c-0a7c1e9a5d10";
const VERITY_UUID = "b5a1d9f0-2f1c-4f0e-9a56-7d1b1f1c3e20";
const DISK_UUID = "0d9f4e5c-1c0b-4f64-8b0e-c3a7a3e1d630";
const VERITY_SALT = "ce9a".repeat(16);

/** Text of a definitions file: one item a line, `#` starts a comment. */
export function parseDefinitions(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
}

/** Up to the root hash, which is known only when these have run. */
export function planRoot(inputs: ImageInputs): readonly Step[] {
  const { profile, paths, definitions } = inputs;
  const { tools, work, rootHash, packages, copyright, packagesKept, packageLock } = workPathsOf(paths, profile);
  const locks = inputs.isLocked ? [packageLock] : [];
  const packagesFrom = (tree: LockedTree) =>
    inputs.isLocked ? { locked: { folder: packagesKept, index: lockedIndexOf(tree) } } : { kept: packagesKept };
  const image = `${paths.project}/image`;
  const overlays = [`${paths.project}/overlay`, `${image}/profiles/${profile.name}/overlay`];
  const sensor = `${paths.dist}/cepa-sensor`;
  const native = `${paths.dist}/native`;
  const updateKeys = inputs.keys === undefined ? [] : [publicKeyOf(inputs.keys, "update")];
  const nextDb = planNextDb(inputs);
  const rootTree = planTree(inputs.apt, definitions.rootPackages, `${work}/root`, {
    ...packagesFrom("root"),
    keepsCopyright: true,
    ...(profile.hasMicrocode ? { components: "main non-free-firmware" } : {}),
  });
  return [
    {
      name: "tools",
      does: "make the tools tree",
      after: [],
      inputs: locks,
      outputs: [tools],
      ...planTree(inputs.apt, definitions.toolsPackages, tools, packagesFrom("tools")),
    },
    {
      name: "root",
      does: "make the root file system",
      after: ["tools"],
      inputs: [`${image}/tree`, `${image}/firmware`, ...locks],
      outputs: [
        `${work}/root`,
        `${work}/vmlinuz`,
        packages,
        copyright,
        ...(profile.hasMicrocode ? [`${work}/microcode.cpio`] : []),
      ],
      ...rootTree,
      actions: [
        ...rootTree.actions,
        {
          kind: "run",
          where: "host",
          program: "dpkg-query",
          args: [`--admindir=${work}/root/var/lib/dpkg`, "-W", "-f", PACKAGE_FORMAT],
          outputTo: packages,
        },
        inShell(
          "mkdir /work/copyright; cd /work/root/usr/share/doc; " +
            'for name in *; do [ ! -f "$name/copyright" ] || cp -L "$name/copyright" "/work/copyright/$name"; done',
        ),
        inShell("cp /work/root/boot/vmlinuz-* /work/vmlinuz"),
        { kind: "prune", folder: `${work}/root`, globs: definitions.rootRemoved },
        { kind: "keepModules", tree: `${work}/root`, names: definitions.rootModules },
        { kind: "keepPrograms", tree: `${work}/root`, names: definitions.rootPrograms },
        // The file system compresses them anyway, and reads them with less work.
        inShell("find /work/root/usr/lib/modules -name '*.ko.xz' -print0 | xargs -0 -P 4 -n 40 xz -d"),
        { kind: "lay", from: `${image}/firmware`, to: `${work}/firmware` },
        ...(profile.hasMicrocode
          ? [inShell("sh /work/firmware/join-microcode.sh /work/root /work/microcode.cpio")]
          : []),
        inShell("sh /work/firmware/keep.sh /work/root"),
        inShell("find /work/root -xdev -perm /6000 -type f -exec chmod a-s {} +"),
        inShell("depmod -b /work/root $(ls /work/root/usr/lib/modules)"),
      ],
    },
    {
      name: "initrd",
      does: "make the initrd",
      after: ["tools", "root"],
      inputs: [`${image}/initrd`, `${image}/definitions/initrd-modules.txt`],
      outputs: [`${work}/initrd`, `${work}/initrd.zst`],
      actions: [
        { kind: "makeFolder", path: `${work}/initrd` },
        { kind: "lay", from: `${image}/initrd`, to: `${work}/initrd` },
        { kind: "lay", from: `${image}/definitions/initrd-modules.txt`, to: `${work}/initrd/modules.txt` },
        inShell(
          "cd /work/initrd && sh build.sh init /work/root $(ls /work/root/usr/lib/modules) modules.txt /work/initrd.zst",
        ),
      ],
    },
    ...nextDb,
    {
      name: "system",
      does: "lay the sensor over the root file system, and seal it",
      after: ["root", ...nextDb.map(({ name }) => name)],
      inputs: [...overlays, sensor, native, ...updateKeys, `${image}/tree`],
      outputs: [`${work}/system`, `${work}/root.erofs`, `${work}/root.verity`, rootHash],
      actions: [
        { kind: "copyTree", from: `${work}/root`, to: `${work}/system` },
        ...overlays.map((from): Action => ({ kind: "lay", from, to: `${work}/system` })),
        ...["state", "nsm", "efi", "usr/lib/cepa/native"].map(
          (folder): Action => ({ kind: "makeFolder", path: `${work}/system/${folder}` }),
        ),
        { kind: "lay", from: sensor, to: `${work}/system/usr/bin/cepa-sensor`, mode: 0o755 },
        { kind: "lay", from: native, to: `${work}/system/usr/lib/cepa/native` },
        // Under verity: who may sign what this box takes for an update. Without it the box takes none.
        ...updateKeys.map((from): Action => ({ kind: "lay", from, to: `${work}/system/usr/lib/cepa/update.pub` })),
        ...nextDb.map(() => copyFile(`${work}/${NEXT_DB_UPDATE}`, `${work}/system/usr/lib/cepa/${NEXT_DB_UPDATE}`)),
        { kind: "write", path: `${work}/system/usr/lib/os-release`, text: renderOsRelease(inputs) },
        inTools("systemd-sysusers", ["--root=/work/system"]),
        inShell("rm -f /work/system/etc/*- /work/system/etc/.pwd.lock"),
        { kind: "keepLibraries", tree: `${work}/system`, names: definitions.rootLibraries },
        { kind: "checkTree", tree: `${work}/system` },
        inTools("mkfs.erofs", [
          "--quiet",
          `-z${profile.compression}`,
          `-C${profile.clusterBytes}`,
          `-T${inputs.epochS}`,
          `-U${FILE_SYSTEM_UUID}`,
          "/work/root.erofs",
          "/work/system",
        ]),
        {
          kind: "checkFits",
          path: `${work}/root.erofs`,
          sizeBytes: profile.sizes.rootBytes,
          place: "a root partition",
        },
        inTools("veritysetup", [
          "format",
          `--salt=${VERITY_SALT}`,
          `--uuid=${VERITY_UUID}`,
          "--root-hash-file=/work/root.hash",
          "/work/root.erofs",
          "/work/root.verity",
        ]),
        {
          kind: "checkFits",
          path: `${work}/root.verity`,
          sizeBytes: profile.sizes.verityBytes,
          place: "a verity partition",
        },
      ],
    },
  ];
}

/** In the root, so that dm-verity and the signature of the kernel vouch for it; only KEK can have made it all the same. */
function planNextDb({ keys, paths, profile, epochS }: ImageInputs): readonly Step[] {
  if (keys?.hasNextDb !== true) return [];
  return [
    {
      name: "next-db",
      does: "sign the next key of Secure Boot for the boxes' firmware",
      after: ["tools"],
      inputs: [`${keys.folder}/db-next.crt`, `${keys.folder}/KEK.crt`, `${keys.folder}/owner.guid`],
      outputs: [`${workPathsOf(paths, profile).work}/${NEXT_DB_UPDATE}`],
      actions: [withKeys(keys, nextDbScript(keys, epochS))],
    },
  ];
}

/** From the root hash to the disk. */
export function planDisk(inputs: ImageInputs, rootHash: string): readonly Step[] {
  const { profile, paths, version } = inputs;
  const { work, disk } = workPathsOf(paths, profile);
  const esp = `${work}/esp`;
  const pcrKeys = inputs.keys === undefined ? [] : [publicKeyOf(inputs.keys, "pcr")];
  const partitions = planPartitions(profile.sizes, {
    version,
    rootHash,
    espFolder: "/work/esp",
    rootFile: "/work/root.erofs",
    verityFile: "/work/root.verity",
  });
  return [
    {
      name: "uki",
      does: "join kernel, initrd and command line",
      after: ["tools", "root", "initrd", "system"],
      inputs: pcrKeys,
      outputs: [`${work}/cepa.efi`, `${work}/systemd-bootx64.efi`, ...pcrKeys.map(() => `${work}/pcr.pub`)],
      actions: [
        ...pcrKeys.map((from) => copyFile(from, `${work}/pcr.pub`)),
        inTools("ukify", [...ukiArguments(inputs, rootHash), "--output=/work/cepa.efi"]),
        inShell("cp /usr/lib/systemd/boot/efi/systemd-bootx64.efi /work/"),
      ],
    },
    planMeasuring(inputs),
    planSigning(inputs, rootHash),
    {
      name: "disk",
      does: "make the disk",
      after: ["system", "sign"],
      inputs: [],
      outputs: [esp, `${work}/repart`, disk],
      actions: [
        ...["EFI/BOOT", "EFI/cepa", "EFI/Linux", "loader"].map(
          (folder): Action => ({ kind: "makeFolder", path: `${esp}/${folder}` }),
        ),
        ...["BOOT/BOOTX64.EFI", ...BOOT_LOADERS].map((path) =>
          copyFile(`${work}/signed/systemd-bootx64.efi`, `${esp}/EFI/${path}`),
        ),
        copyFile(`${work}/signed/cepa.efi`, `${esp}/EFI/Linux/cepa_${version}.efi`),
        { kind: "write", path: `${esp}/loader/loader.conf`, text: renderLoader(inputs) },
        ...(inputs.keys === undefined
          ? []
          : [
              { kind: "makeFolder", path: `${esp}/${ENROLMENT}` } as const,
              ...SECURE_BOOT_KEYS.map((key) =>
                copyFile(`${work}/signed/${key}.auth`, `${esp}/${ENROLMENT}/${key}.auth`),
              ),
            ]),
        inShell(`find /work/esp -exec touch -d @${inputs.epochS} {} +`),
        // Two UKIs must fit, the booted one and the next, with as much again for the FAT and the boot loader.
        {
          kind: "checkFits",
          path: `${work}/cepa.efi`,
          sizeBytes: profile.sizes.espBytes / 3,
          place: "a third of the ESP",
        },
        { kind: "makeFolder", path: `${work}/repart` },
        ...partitions.map(
          (partition): Action => ({
            kind: "write",
            path: `${work}/repart/${partition.file}`,
            text: renderPartition(partition),
          }),
        ),
        inShell("rm -f /work/disk.raw"),
        {
          kind: "run",
          where: "tools",
          program: "systemd-repart",
          args: [
            "--empty=create",
            "--size=auto",
            "--offline=yes",
            "--sector-size=512",
            "--architecture=x86-64",
            `--seed=${DISK_UUID}`,
            "--definitions=/work/repart",
            "--dry-run=no",
            "--no-pager",
            "/work/disk.raw",
          ],
          // systemd-repart(8), ENVIRONMENT: the empty state file system is the same each time, too.
          env: { SYSTEMD_REPART_MKFS_OPTIONS_EXT4: `-E hash_seed=${DISK_UUID}` },
        },
        { kind: "makeFolder", path: paths.dist },
        { kind: "move", from: `${work}/disk.raw`, to: disk },
      ],
    },
  ];
}

/** The disk as one file to hand on. Hard links, as the tools see the work folder alone. */
export function planCompression({ profile, paths }: ImageInputs): readonly Step[] {
  const { work, disk, compressed } = workPathsOf(paths, profile);
  return [
    {
      name: "compress",
      does: "compress the disk",
      after: ["tools", "disk"],
      inputs: [],
      outputs: [compressed],
      actions: [
        { kind: "run", where: "host", program: "ln", args: ["-f", disk, `${work}/disk.raw`] },
        inTools("zstd", ["-19", "-T2", "-q", "-f", "/work/disk.raw", "-o", "/work/disk.raw.zst"]),
        inShell("rm /work/disk.raw"),
        { kind: "move", from: `${work}/disk.raw.zst`, to: compressed },
      ],
    },
  ];
}

/**
 * The boot loader as often as a kernel has tries, and once more: see overlay/usr/lib/cepa/enter-boot-loader. Of entries for one file,
 * firmware may keep only one.
 */
const BOOT_LOADERS = [1, 2, 3, 4].map((number) => `cepa/boot-${number}.efi`);
/** Of the ESP: `auto` is what systemd-boot takes without being asked. */
const ENROLMENT = "loader/keys/auto";

/** `secure-boot-enroll if-safe`: without asking in a virtual machine only; elsewhere a technician chooses it in the menu. */
function renderLoader({ keys }: ImageInputs): string {
  return [
    "timeout 0",
    "editor no",
    "console-mode keep",
    ...(keys === undefined ? [] : ["secure-boot-enroll if-safe"]),
    "",
  ].join("\n");
}

function renderOsRelease(inputs: ImageInputs): string {
  return [
    'NAME="Cepa"',
    "ID=cepa",
    "ID_LIKE=debian",
    `PRETTY_NAME="Cepa ${inputs.version}"`,
    `VERSION_ID=${inputs.version}`,
    "IMAGE_ID=cepa",
    `IMAGE_VERSION=${inputs.version}`,
    `VARIANT_ID=${inputs.profile.name}`,
    "",
  ].join("\n");
}
