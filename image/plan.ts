import { type AptSettings, planTree } from "./debian-tree.ts";
import { publicKeyOf } from "./key-pair.ts";
import { planPartitions, renderPartition } from "./layout.ts";
import { PACKAGE_FORMAT } from "./manifest.ts";
import { planMeasuring, signMeasurementScript } from "./measure.ts";
import { lockedIndexOf } from "./package-lock/kept-packages.ts";
import type { LockedTree } from "./package-lock/lock-file.ts";
import type { ImageProfile } from "./profile.ts";
import { SECURE_BOOT_KEYS, type SecureBootKey, type SecureBootKeys } from "./secure-boot-keys.ts";
import { type Action, inTools, type Step } from "./step.ts";

const TOOLS = "tools";
/** Fixed, so that the same files give the same image; the root hash is what tells images apart. */
const FILE_SYSTEM_UUID = "6e0a1f52-93c4-4c8e-8f0c-0a7c1e9a5d10";
const VERITY_UUID = "b5a1d9f0-2f1c-4f0e-9a56-7d1b1f1c3e20";
const DISK_UUID = "0d9f4e5c-1c0b-4f64-8b0e-c3a7a3e1d630";
const VERITY_SALT = "ce9a".repeat(16);

export interface ImagePaths {
  /** The checkout: image/ and overlay/ are there. */
  readonly project: string;
  /** Holds the tools tree and the work folders. */
  readonly cache: string;
  readonly dist: string;
}

export interface ImageInputs {
  readonly profile: ImageProfile;
  readonly version: string;
  readonly paths: ImagePaths;
  readonly apt: AptSettings;
  /** SOURCE_DATE_EPOCH: Unix seconds that date every file of the image. */
  readonly epochS: number;
  /** What the boot loader and the kernel are signed with; unsigned without. */
  readonly keys: SecureBootKeys | undefined;
  /** Packages come from this lock alone; from the mirror as it is without. */
  readonly isLocked: boolean;
  /** Lists of image/definitions, without comments. */
  readonly definitions: Definitions;
}

export interface Definitions {
  readonly toolsPackages: readonly string[];
  readonly rootPackages: readonly string[];
  readonly rootRemoved: readonly string[];
  readonly rootPrograms: readonly string[];
  readonly rootLibraries: readonly string[];
  readonly rootModules: readonly string[];
}

export interface WorkPaths {
  readonly tools: string;
  readonly work: string;
  readonly rootHash: string;
  readonly packages: string;
  /** .deb files that trees were made of. */
  readonly packagesKept: string;
  /** What `cepa image lock` writes. */
  readonly packageLock: string;
  readonly disk: string;
  /** The disk under zstd. */
  readonly compressed: string;
  readonly manifest: string;
  readonly sbom: string;
}

export function workPathsOf(paths: ImagePaths, profile: ImageProfile): WorkPaths {
  const work = `${paths.cache}/${profile.name}`;
  return {
    tools: `${paths.cache}/${TOOLS}`,
    work,
    rootHash: `${work}/root.hash`,
    packages: `${work}/packages.txt`,
    packagesKept: `${paths.cache}/packages`,
    packageLock: `${paths.project}/image/locks/${profile.name}.json`,
    disk: `${paths.dist}/cepa-${profile.name}.raw`,
    compressed: `${paths.dist}/cepa-${profile.name}.raw.zst`,
    manifest: `${paths.dist}/cepa-${profile.name}.manifest.json`,
    sbom: `${paths.dist}/cepa-${profile.name}.spdx.json`,
  };
}

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
  const { tools, work, rootHash, packages, packagesKept, packageLock } = workPathsOf(paths, profile);
  const locks = inputs.isLocked ? [packageLock] : [];
  const packagesFrom = (tree: LockedTree) =>
    inputs.isLocked ? { locked: { folder: packagesKept, index: lockedIndexOf(tree) } } : { kept: packagesKept };
  const image = `${paths.project}/image`;
  const overlays = [`${paths.project}/overlay`, `${image}/profiles/${profile.name}/overlay`];
  const sensor = `${paths.dist}/cepa-sensor`;
  const native = `${paths.dist}/native`;
  const updateKeys = inputs.keys === undefined ? [] : [publicKeyOf(inputs.keys, "update")];
  const rootTree = planTree(inputs.apt, definitions.rootPackages, `${work}/root`, {
    ...packagesFrom("root"),
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
    {
      name: "system",
      does: "lay the sensor over the root file system, and seal it",
      after: ["root"],
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
        { kind: "write", path: `${work}/system/usr/lib/os-release`, text: renderOsRelease(inputs) },
        runTool("systemd-sysusers", ["--root=/work/system"]),
        inShell("rm -f /work/system/etc/*- /work/system/etc/.pwd.lock"),
        { kind: "keepLibraries", tree: `${work}/system`, names: definitions.rootLibraries },
        { kind: "checkTree", tree: `${work}/system` },
        runTool("mkfs.erofs", [
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
        runTool("veritysetup", [
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
        runTool("ukify", [...ukiArguments(inputs, rootHash), "--output=/work/cepa.efi"]),
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
        runTool("zstd", ["-19", "-T2", "-q", "-f", "/work/disk.raw", "-o", "/work/disk.raw.zst"]),
        inShell("rm /work/disk.raw"),
        { kind: "move", from: `${work}/disk.raw.zst`, to: compressed },
      ],
    },
  ];
}

/**
 * Signs what a TPM measures of the kernel and what the firmware starts, and makes what enrols the keys in a box whose firmware is in setup mode: systemd-boot takes that from
 * loader/keys (systemd-boot(7)). sbsign dates its signatures; all else is the same each time.
 */
function planSigning(inputs: ImageInputs, rootHash: string): Step {
  const { profile, paths, keys, epochS } = inputs;
  const { work } = workPathsOf(paths, profile);
  const step = { name: "sign", after: ["uki", "measure"], outputs: [`${work}/signed`] };
  const folder: Action = { kind: "makeFolder", path: `${work}/signed` };
  if (keys === undefined)
    return {
      ...step,
      does: "leave the boot loader and the kernel unsigned",
      inputs: [],
      actions: [folder, ...SIGNED.map((name) => copyFile(`${work}/${name}`, `${work}/signed/${name}`))],
    };
  const certificates = SECURE_BOOT_KEYS.map((key) => `${keys.folder}/${key}.crt`);
  return {
    ...step,
    does: "sign the boot loader and the kernel",
    inputs: [...certificates, `${keys.folder}/owner.guid`],
    actions: [
      folder,
      withKeys(keys, signMeasurementScript(inputs, "/work/signed/pcrsig.json")),
      runTool("ukify", [
        ...ukiArguments(inputs, rootHash),
        "--section=.pcrsig:@/work/signed/pcrsig.json",
        "--output=/work/signed/measured.efi",
      ]),
      ...signWithDb(keys, work, "systemd-bootx64.efi", "systemd-bootx64.efi"),
      ...signWithDb(keys, work, "signed/measured.efi", "cepa.efi"),
      inShell("rm /work/signed/measured.efi"),
      ...SECURE_BOOT_KEYS.map((key) => withKeys(keys, enrolScript(key, { keys, epochS }))),
    ],
  };
}

/** Files of the work folder that the firmware starts. */
const SIGNED = ["systemd-bootx64.efi", "cepa.efi"];
/**
 * The boot loader as often as a kernel has tries, and once more: see overlay/usr/lib/cepa/enter-boot-loader. Of entries for one file,
 * firmware may keep only one.
 */
const BOOT_LOADERS = [1, 2, 3, 4].map((number) => `cepa/boot-${number}.efi`);
/** Of the ESP: `auto` is what systemd-boot takes without being asked. */
const ENROLMENT = "loader/keys/auto";

function ukiArguments({ profile, keys }: ImageInputs, rootHash: string): readonly string[] {
  return [
    "build",
    "--linux=/work/vmlinuz",
    "--initrd=/work/initrd.zst",
    ...(profile.hasMicrocode ? ["--microcode=/work/microcode.cpio"] : []),
    `--cmdline=${renderCommandLine(profile, rootHash)}`,
    "--os-release=@/work/system/usr/lib/os-release",
    ...(keys === undefined ? [] : ["--pcrpkey=/work/pcr.pub"]),
  ];
}

/** `from`, of the work folder, into signed/NAME. A token is the host's: its driver and its daemon are there, and not in the tools tree. */
function signWithDb(keys: SecureBootKeys, work: string, from: string, name: string): readonly Action[] {
  const sign = (key: readonly string[], keysFolder: string, workFolder: string) => [
    ...key,
    ...["--cert", `${keysFolder}/db.crt`, "--output", `${workFolder}/signed/${name}`, `${workFolder}/${from}`],
  ];
  const { folder, dbUri } = keys;
  const verify = `sbverify --cert /keys/db.crt /work/signed/${name}`;
  if (dbUri === undefined)
    return [withKeys(keys, `sbsign ${sign(["--key", "/keys/db.key"], "/keys", "/work").join(" ")} && ${verify}`)];
  const args = sign(["--engine", "pkcs11", "--key", dbUri], folder, work);
  return [{ kind: "run", where: "host", program: "sbsign", args }, withKeys(keys, verify)];
}

/**
 * An update of the firmware's variable, signed with the key above it (UEFI 2.10, section 8.2.2); PK signs itself. It bears the
 * image's date: the firmware takes none that is older than what it has.
 */
function enrolScript(key: SecureBootKey, { keys, epochS }: { keys: SecureBootKeys; epochS: number }): string {
  const signer = key === "db" ? "KEK" : "PK";
  const list = `/work/signed/${key}.esl`;
  return [
    `cert-to-efi-sig-list -g ${keys.ownerGuid} /keys/${key}.crt ${list}`,
    `sign-efi-sig-list -g ${keys.ownerGuid} -t "$(date -u -d @${epochS} '+%Y-%m-%d %H:%M:%S')" ` +
      `-k /keys/${signer}.key -c /keys/${signer}.crt ${key} ${list} /work/signed/${key}.auth`,
    `rm ${list}`,
  ].join("; ");
}

function withKeys({ folder }: SecureBootKeys, script: string): Action {
  return { ...inTools("sh", ["-euc", script]), env: { CEPA_KEYS: folder } };
}

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

export function renderCommandLine(profile: ImageProfile, rootHash: string): string {
  return [
    `roothash=${rootHash}`,
    ...profile.consoles.map((console) => `console=${console}`),
    "quiet loglevel=3 panic=10 ro",
    "systemd.gpt_auto=no systemd.firstboot=no systemd.show_status=no",
    // Nothing that the firmware or the unverified ESP hands over becomes part of the system.
    "systemd.import_credentials=no",
    "ipv6.disable_ipv6=1",
    "lockdown=confidentiality module.sig_enforce=1 init_on_free=1 slab_nomerge page_alloc.shuffle=1",
    "randomize_kstack_offset=on vsyscall=none debugfs=off",
  ].join(" ");
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

function runTool(program: string, args: readonly string[]): Action {
  return inTools(program, args);
}

function inShell(script: string): Action {
  return runTool("sh", ["-euc", script]);
}

function copyFile(from: string, to: string): Action {
  return { kind: "lay", from, to };
}
