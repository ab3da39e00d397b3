import type { DeclaredLicence, ExtractedLicence } from "./licences/declared-licence.ts";
import type { ImageManifest } from "./manifest.ts";

/** An npm package whose code is in the sensor's program, or Node.js itself. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX licence expression, as its package.json has it. */
  readonly license: string | undefined;
}

/**
 * What an image is made of as an SPDX document (SPDX 2.3, JSON; https://spdx.github.io/spdx-spec/v2.3/). The same image gives the
 * same document: it is dated by the image's date and named by its root hash. `licences` by name of Debian's packages are those of all that
 * their sources are made of; which of that is in the image they don't tell.
 */
export function renderSbom(
  manifest: ImageManifest,
  bundled: readonly BundledPackage[],
  licences: ReadonlyMap<string, DeclaredLicence>,
): object {
  const image = "SPDXRef-Image";
  const debian = manifest.packages.map((one) => ({
    ...packageOf(`SPDXRef-deb-${idOf(one.name)}`, one.name, one.version),
    supplier: "Organization: Debian",
    licenseDeclared: licences.get(one.name)?.expression ?? "NOASSERTION",
    sourceInfo: `source package ${one.source} ${one.sourceVersion}`,
    externalRefs: [purl(`pkg:deb/debian/${encodeURIComponent(one.name)}@${encodeURIComponent(one.version)}`)],
  }));
  const extracted = extractedLicences(licences);
  const npm = bundled.map(({ name, version, license }) => ({
    ...packageOf(`SPDXRef-npm-${idOf(name)}-${idOf(version)}`, name, version),
    licenseDeclared: license ?? "NOASSERTION",
    externalRefs: [purl(`pkg:npm/${name.replace(/^@/, "%40")}@${version}`)],
  }));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `cepa-${manifest.profile}-${manifest.version}`,
    documentNamespace: `https://cepa.invalid/spdx/${manifest.profile}-${manifest.version}-${manifest.rootHash}`,
    creationInfo: {
      created: new Date(manifest.epochS * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
      creators: [`Tool: cepa-${manifest.version}`],
    },
    packages: [
      {
        ...packageOf(image, `cepa-${manifest.profile}`, manifest.version),
        licenseDeclared: "Apache-2.0",
        primaryPackagePurpose: "OPERATING-SYSTEM",
        comment: `dm-verity root hash ${manifest.rootHash}`,
      },
      ...debian,
      ...npm,
    ],
    ...(extracted.length === 0 ? {} : { hasExtractedLicensingInfos: extracted }),
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: image },
      ...[...debian, ...npm].map(({ SPDXID }) => ({
        spdxElementId: image,
        relationshipType: "CONTAINS",
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
}

/** Each once, by identifier. */
function extractedLicences(licences: ReadonlyMap<string, DeclaredLicence>): readonly ExtractedLicence[] {
  const byId = new Map([...licences.values()].flatMap(({ extracted }) => extracted.map((one) => [one.licenseId, one])));
  return [...byId.keys()].sort().flatMap((id) => byId.get(id) ?? []);
}

function packageOf(id: string, name: string, versionInfo: string) {
  return { SPDXID: id, name, versionInfo, downloadLocation: "NOASSERTION", filesAnalyzed: false };
}

function purl(referenceLocator: string) {
  return { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator };
}

/** Letters, digits, dots and dashes (SPDX 2.3, section 7.2). */
function idOf(name: string): string {
  return name.replace(/[^A-Za-z0-9.-]/g, "-");
}
