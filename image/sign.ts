import { enrolScript, withKeys } from "./enrol.ts";
import { type ImageInputs, workPathsOf } from "./image-inputs.ts";
import { signMeasurementScript } from "./measure.ts";
import { SECURE_BOOT_KEYS, type SecureBootKeys } from "./secure-boot-keys.ts";
import { type Action, copyFile, inShell, inTools, type Step } from "./step.ts";
import { ukiArguments } from "./uki.ts";
import { VENDOR_FOLDER, VENDOR_VARIABLES } from "./vendor-keys.ts";

/** Files of the work folder that the firmware starts. */
const SIGNED = ["systemd-bootx64.efi", "cepa.efi"];

/**
 * Signs what a TPM measures of the kernel and what the firmware starts, and makes what enrols the keys in a box whose firmware is in
 * setup mode: systemd-boot takes that from loader/keys (systemd-boot(7)). sbsign dates its signatures; all else is the same each time.
 */
export function planSigning(inputs: ImageInputs, rootHash: string): Step {
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
    inputs: [...certificates, `${keys.folder}/owner.guid`, ...vendorFiles(keys)],
    actions: [
      folder,
      withKeys(keys, signMeasurementScript(inputs, "/work/signed/pcrsig.json")),
      inTools("ukify", [
        ...ukiArguments(inputs, rootHash),
        "--section=.pcrsig:@/work/signed/pcrsig.json",
        "--output=/work/signed/measured.efi",
      ]),
      ...signWithDb(keys, work, "systemd-bootx64.efi", "systemd-bootx64.efi"),
      ...signWithDb(keys, work, "signed/measured.efi", "cepa.efi"),
      inShell("rm /work/signed/measured.efi"),
      ...SECURE_BOOT_KEYS.map((key) => withKeys(keys, enrolScript(key, keys, epochS))),
    ],
  };
}

function vendorFiles({ folder, vendor }: SecureBootKeys): readonly string[] {
  if (vendor === undefined) return [];
  return VENDOR_VARIABLES.flatMap((variable) =>
    vendor[variable].map((name) => `${folder}/${VENDOR_FOLDER}/${variable}/${name}`),
  );
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
