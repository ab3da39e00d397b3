import { readFileSync } from "node:fs";
import { join } from "node:path";
import { recogniseFormat } from "../../appliance/entropy/recognise-format.ts";
import { recogniseProtocol } from "../../appliance/entropy/recognise-protocol.ts";
import { seekFormat } from "../../appliance/entropy/seek-format.ts";
import { decodeCertificate } from "../../appliance/handshake/x509.ts";
import {
  AT_LINE_LIMIT_BYTES,
  isAnswerTo,
  parseFinalResult,
  parseMessageReference,
  parseOperator,
  parseRegistration,
  parseSignalQuality,
} from "../../appliance/phone-home/at-line.ts";
import { NMEA_LIMIT_BYTES, NO_GPS, nextGpsState } from "../../appliance/phone-home/gps.ts";
import { LineSplitter } from "../../appliance/phone-home/line-splitter.ts";
import { decodeBootSector, decodeFolder, decodeNextCluster, FatError } from "../../appliance/stick/fat-layout.ts";
import { judgeUsbDevice, parseAllowedDevices } from "../../appliance/usb/allowed-devices.ts";
import { decodeUsbDescriptors, INTERFACES_MAX } from "../../appliance/usb/descriptors.ts";
import { COMMAND_BYTES, decodeCommand } from "../../core/contract/command.ts";
import { decodeEmergency, decodeEmergencyText, EMERGENCY_BYTES } from "../../core/contract/emergency.ts";
import { parseBaseMessage, parseSensorMessage } from "../../core/contract/link.ts";
import { decodeLatin1 } from "../../core/latin1.ts";
import { decodeDeliverPdu, decodeSubmitPdu, encodeDeliverPdu, encodeSubmitPdu } from "../../core/sms/pdu.ts";
import { COMMON_NAME, certificate, der, namePart, UTF8 } from "../unit/appliance/handshake/certificate-bytes.ts";
import { KEYBOARD, SERIAL_ADAPTER, STICK } from "../unit/appliance/usb/descriptor-bytes.ts";
import { capturedSessions } from "./captured-sessions.ts";
import { latin1 } from "./octets.ts";
import type { Target } from "./target.ts";

const NMEA_LOG = join(import.meta.dirname, "../captures/nmea/greenwich.log");
const IP_TCP = 6;
const IP_UDP = 17;
const USER_DATA = new Uint8Array(108);
const NAME = namePart(COMMON_NAME, UTF8, latin1("a.example"));

const ANY_USB = parseAllowedDevices("any *:* 08/06/50\nany 0403:*");

/** Of a message that begins with a magic. */
function headed(magic: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  bytes[0] = magic;
  return bytes;
}

/** Of FAT32: sectors of 512 octets, clusters of 8 sectors; it may be taken for a folder as well. */
function fatSector(): Uint8Array {
  const sector = new Uint8Array(512);
  sector.set([0, 2, 8, 32, 0, 2], 11);
  sector.set([0, 0, 16, 0, 0, 4, 0, 0], 32);
  sector.set([2, 0, 0, 0], 44);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

/** A target whose inputs have nothing to do with each other. */
function parser(name: string, seeds: () => readonly Uint8Array[], take: (input: Uint8Array) => void): Target {
  return { name, seeds, start: () => take };
}

export const parserTargets: readonly Target[] = [
  parser(
    "nmea",
    () => [new Uint8Array(readFileSync(NMEA_LOG)).subarray(0, 2000)],
    (input) => {
      let state = NO_GPS;
      for (const line of new LineSplitter(NMEA_LIMIT_BYTES, "$").push(input))
        state = nextGpsState(state, line, { nowMs: 1.7e12, monotonicMs: 1, notBeforeMs: 0 });
    },
  ),
  parser(
    "fat",
    () => [fatSector()],
    (input) => {
      try {
        const layout = decodeBootSector(input);
        decodeNextCluster(layout.rootCluster, layout);
      } catch (error) {
        if (!(error instanceof FatError)) throw error;
      }
      for (const { name } of decodeFolder(input))
        if (name.length > 20 * 13) throw new Error(`a name of ${name.length} units`);
    },
  ),
  parser(
    "usb",
    () => [SERIAL_ADAPTER, Uint8Array.of(...STICK, ...KEYBOARD)],
    (input) => {
      const device = decodeUsbDescriptors(input);
      if (!device.ok) return;
      const { interfaces } = judgeUsbDevice(
        device.value,
        (alias) => (alias.includes("ic03") ? ["usbhid"] : ["any"]),
        ANY_USB,
      );
      if (interfaces.length > INTERFACES_MAX) throw new Error(`${interfaces.length} interfaces`);
    },
  ),
  parser(
    "at",
    () =>
      ['\r\nOK\r\n+CREG: 2,1,"00A1","0001F4C2",7\r\n+CSQ: 17,99\r\n+COPS: 0,2,"23415",7\r\n+CMGS: 12\r\n> '].map(
        latin1,
      ),
    (input) => {
      for (const line of new LineSplitter(AT_LINE_LIMIT_BYTES).push(input)) {
        parseFinalResult(line);
        parseRegistration(line);
        parseSignalQuality(line);
        parseOperator(line);
        parseMessageReference(line);
        isAnswerTo("AT+CSQ", line);
      }
    },
  ),
  parser(
    "pdu",
    () =>
      [
        encodeDeliverPdu({ from: "+436641234567", atMs: 1.7e12, userData: USER_DATA }),
        encodeSubmitPdu("+431", USER_DATA).pdu,
      ].map(latin1),
    (input) => {
      const text = decodeLatin1(input, 0, input.length);
      decodeDeliverPdu(text);
      decodeSubmitPdu(text);
    },
  ),
  parser(
    "contract",
    () => [
      latin1('{"type":"query","id":1,"sql":"select 1","maxRows":1,"timeoutMs":1}'),
      latin1('{"type":"pcapEnd","id":1,"bytes":0}'),
      headed(0xc1, EMERGENCY_BYTES),
      headed(0xc2, COMMAND_BYTES),
    ],
    (input) => {
      const text = decodeLatin1(input, 0, input.length);
      parseSensorMessage(text);
      parseBaseMessage(text);
      decodeEmergency(input);
      decodeEmergencyText(text);
      decodeCommand(input);
    },
  ),
  parser(
    "x509",
    () => [
      certificate({ serial: "01", issuer: [NAME], subject: [NAME], notAfter: der(0x17, latin1("301231235959Z")) }),
    ],
    (input) => {
      decodeCertificate(input);
    },
  ),
  parser(
    "recognisers",
    () => capturedSessions(IP_TCP),
    (input) => {
      recogniseFormat(input, 0, Math.min(512, input.length));
      seekFormat(input, 0, Math.min(4096, input.length));
      recogniseProtocol(input, 0, input.length, IP_TCP, 40_000, 443);
      recogniseProtocol(input, 0, input.length, IP_UDP, 40_000, 53);
    },
  ),
];
