import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageManifest } from "../../../image/manifest.ts";
import { findProfile, type ImageProfile } from "../../../image/profile.ts";
import { renderSbom } from "../../../image/sbom.ts";

const profile = findProfile("qemu") as ImageProfile;
const MANIFEST: ImageManifest = {
  version: "0.1.0",
  profile: "qemu",
  rootHash: "ab".repeat(32),
  pcr11: "cd".repeat(32),
  epochS: 1_700_000_000,
  diskBytes: 1,
  rootBytes: 1,
  verityBytes: 1,
  ukiBytes: 1,
  initrdBytes: 1,
  partitions: profile.sizes,
  largest: [],
  packages: [
    {
      name: "libstdc++6",
      version: "14.2.0-19",
      installedBytes: 1024,
      source: "gcc-14",
      sourceVersion: "14.2.0-19",
      architecture: "amd64",
      section: "libs",
    },
  ],
};

const OWN = { licenseId: "LicenseRef-x-1", name: "x", extractedText: "Do what you like." };
const LICENCES = new Map([
  ["libstdc++6", { expression: "LicenseRef-x-1 AND MIT", extracted: [OWN] }],
  ["gcc-14-base", { expression: "LicenseRef-x-1", extracted: [OWN] }],
]);

test("renderSbom: the image contains Debian's packages and what is in the sensor's program", () =>
  assert.deepEqual(
    renderSbom(MANIFEST, [{ name: "@serialport/stream", version: "13.0.0", license: "MIT" }], LICENCES),
    {
      spdxVersion: "SPDX-2.3",
      dataLicense: "CC0-1.0",
      SPDXID: "SPDXRef-DOCUMENT",
      name: "cepa-qemu-0.1.0",
      documentNamespace: `https://cepa.invalid/spdx/qemu-0.1.0-${"ab".repeat(32)}`,
      creationInfo: { created: "2023-11-14T22:13:20Z", creators: ["Tool: cepa-0.1.0"] },
      packages: [
        {
          SPDXID: "SPDXRef-Image",
          name: "cepa-qemu",
          versionInfo: "0.1.0",
          downloadLocation: "NOASSERTION",
          filesAnalyzed: false,
          licenseDeclared: "Apache-2.0",
          primaryPackagePurpose: "OPERATING-SYSTEM",
          comment: `dm-verity root hash ${"ab".repeat(32)}`,
        },
        {
          SPDXID: "SPDXRef-deb-libstdc--6",
          name: "libstdc++6",
          versionInfo: "14.2.0-19",
          downloadLocation: "NOASSERTION",
          filesAnalyzed: false,
          supplier: "Organization: Debian",
          licenseDeclared: "LicenseRef-x-1 AND MIT",
          sourceInfo: "source package gcc-14 14.2.0-19",
          externalRefs: [
            {
              referenceCategory: "PACKAGE-MANAGER",
              referenceType: "purl",
              referenceLocator: "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19",
            },
          ],
        },
        {
          SPDXID: "SPDXRef-npm--serialport-stream-13.0.0",
          name: "@serialport/stream",
          versionInfo: "13.0.0",
          downloadLocation: "NOASSERTION",
          filesAnalyzed: false,
          licenseDeclared: "MIT",
          externalRefs: [
            {
              referenceCategory: "PACKAGE-MANAGER",
              referenceType: "purl",
              referenceLocator: "pkg:npm/%40serialport/stream@13.0.0",
            },
          ],
        },
      ],
      hasExtractedLicensingInfos: [OWN],
      relationships: [
        { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: "SPDXRef-Image" },
        {
          spdxElementId: "SPDXRef-Image",
          relationshipType: "CONTAINS",
          relatedSpdxElement: "SPDXRef-deb-libstdc--6",
        },
        {
          spdxElementId: "SPDXRef-Image",
          relationshipType: "CONTAINS",
          relatedSpdxElement: "SPDXRef-npm--serialport-stream-13.0.0",
        },
      ],
    },
  ));
