import { type ImageInputs, workPathsOf } from "./image-inputs.ts";
import { inTools, type Step } from "./step.ts";

/**
 * Sections of the UKI that systemd-stub measures into PCR 11, under the names that systemd-measure(1) has for them. `.pcrsig` is not
 * measured, so that a signature of the measurement can be added.
 */
function measuredSections({ profile, keys }: ImageInputs): readonly string[] {
  return [
    ...["linux", "osrel", "cmdline", "initrd", "uname", "sbat"],
    ...(profile.hasMicrocode ? ["ucode"] : []),
    ...(keys === undefined ? [] : ["pcrpkey"]),
  ];
}

/**
 * No unit of the root and nothing in the initrd extends PCR 11 (systemd-pcrphase.service(8) is in neither): from the stub on it keeps
 * one value, that of the empty phase.
 */
const PHASE = "--phase=";
const BANK = "--bank=sha256";
const MEASURE = "/usr/lib/systemd/systemd-measure";
const FOLDER = "measured";

/** Takes the UKI's sections out, and foretells what PCR 11 of a box's TPM is once the UKI has started. */
export function planMeasuring(inputs: ImageInputs): Step {
  const { work } = workPathsOf(inputs.paths, inputs.profile);
  const sections = measuredSections(inputs);
  return {
    name: "measure",
    does: "foretell what a TPM measures of the kernel",
    after: ["uki"],
    inputs: [],
    outputs: [`${work}/${FOLDER}`, pcr11FileOf(work)],
    actions: [
      { kind: "makeFolder", path: `${work}/${FOLDER}` },
      inTools("ukify", [
        "inspect",
        "/work/cepa.efi",
        ...sections.map((name) => `--section=.${name}:binary@/work/${FOLDER}/${name}`),
      ]),
      {
        ...inTools(MEASURE, ["calculate", ...sectionArguments(inputs), BANK, PHASE, "--json=short"]),
        outputTo: pcr11FileOf(work),
      },
    ],
  };
}

/** Shell words that write the signed policy for that value to `output`, as the section .pcrsig has it. */
export function signMeasurementScript(inputs: ImageInputs, output: string): string {
  const key = "--private-key=/keys/pcr.key --public-key=/keys/pcr.pub";
  return `${MEASURE} sign ${sectionArguments(inputs).join(" ")} ${BANK} ${PHASE} ${key} --json=short > ${output}`;
}

export function pcr11FileOf(work: string): string {
  return `${work}/pcr11.json`;
}

/** 64 hexadecimal digits from what `systemd-measure calculate --json=short` prints. */
export function parsePcr11(text: string): string {
  const { sha256 } = JSON.parse(text) as { sha256?: readonly { pcr: number; hash: string }[] };
  const found = sha256?.filter(({ pcr }) => pcr === 11).map(({ hash }) => hash) ?? [];
  const [hash] = found;
  if (found.length !== 1 || hash === undefined || !/^[0-9a-f]{64}$/.test(hash))
    throw new Error(`systemd-measure: expected one SHA-256 value of PCR 11, found ${text.slice(0, 200)}`);
  return hash;
}

function sectionArguments(inputs: ImageInputs): readonly string[] {
  return measuredSections(inputs).map((name) => `--${name}=/work/${FOLDER}/${name}`);
}
