import { decodeSubmitPdu, encodeDeliverPdu, type Submit } from "../../core/sms/pdu.ts";
import { startPty } from "./pty.ts";

export interface ModemEmulatorOptions {
  /** Where the terminal is made; a QEMU chardev, or a sensor, opens it. */
  readonly path: string;
  /** The SIM's own number, which a receiver of its messages sees. */
  readonly ownNumber?: string;
  readonly onMessage?: (message: SentMessage) => void;
}

export interface SentMessage {
  readonly atMs: number;
  /** SMS-SUBMIT in hexadecimal, as the client gave it. */
  readonly pdu: string;
  readonly submit: Submit;
}

/** What base's webhook takes. */
export interface WebhookBody {
  readonly from: string;
  readonly received_at: string;
  readonly pdu: string;
}

/** Does something wrong, once, to the next command that matches; `prompt` is that of AT+CMGS, and hangs. */
export interface ModemFault {
  readonly command: RegExp;
  readonly kind:
    | { readonly name: "error"; readonly code: number }
    /** The answer comes so much later, and what follows waits for it. */
    | { readonly name: "late"; readonly delayMs: number }
    /** No answer at all. */
    | { readonly name: "hang" }
    /** A line that nobody asked for, between answer and OK. */
    | { readonly name: "unsolicited"; readonly line: string };
}

export interface ModemEmulator {
  readonly path: string;
  readonly sent: readonly SentMessage[];
  /** Every command as it came. */
  readonly commands: readonly string[];
  readonly faults: ModemFault[];
  /** What the SIM and the network say; may be changed at any time. */
  readonly state: { simReady: boolean; registration: number; signalQuality: number; operator: string };
  /** The SMS-DELIVER that the receiver of `message` gets, as a gateway posts it to base. */
  deliver(message: SentMessage): WebhookBody;
  /** An SMS-DELIVER comes in: stored, and announced by +CMTI. */
  receive(pdu: string): void;
  /** A line that nobody asked for. */
  announce(line: string): void;
  /** Resolves with the message of this index once it is sent; rejects when `signal` aborts. */
  message(index: number, signal: AbortSignal): Promise<SentMessage>;
}

const END_OF_MESSAGE = 0x1a;
const ESCAPE = 0x1b;
const CELL = `"00C3","01A2D001",7`;

/** A cellular modem on a pseudo-terminal (3GPP TS 27.007 and 27.005), until `signal` aborts. */
export async function startModemEmulator(options: ModemEmulatorOptions, signal: AbortSignal): Promise<ModemEmulator> {
  const pty = await startPty(options.path, signal);
  const sent: SentMessage[] = [];
  const commands: string[] = [];
  const faults: ModemFault[] = [];
  const stored = new Map<number, string>();
  const waiting: (() => void)[] = [];
  const state = { simReady: true, registration: 1, signalQuality: 21, operator: "23415" };
  const settings = {
    echo: true,
    errors: 0,
    pduMode: false,
    registrationMode: 0,
    storage: "SM",
    numericOperator: false,
  };
  let pdu: string | undefined; // the message being given, after the prompt
  let partial = "";
  let late: number[] | undefined; // what came while an answer is late: a modem works on one command after the other
  let reference = 0;

  const say = (...lines: readonly string[]) => pty.write(lines.map((line) => `\r\n${line}\r\n`).join(""));
  const error = (code: number, family = "CME") =>
    settings.errors === 0
      ? "ERROR"
      : settings.errors === 2
        ? `+${family} ERROR: error ${code}`
        : `+${family} ERROR: ${code}`;

  const answer = (command: string, lines: readonly string[], final: string) => {
    const index = faults.findIndex((fault) => fault.command.test(command));
    const [fault] = index < 0 ? [] : faults.splice(index, 1);
    const kind = fault?.kind;
    if (kind === undefined) say(...lines, final);
    else if (kind.name === "error") say(error(kind.code));
    else if (kind.name === "unsolicited") say(...lines, kind.line, final);
    else if (kind.name === "late") {
      late = [];
      setTimeout(() => {
        say(...lines, final);
        const waited = late ?? [];
        late = undefined;
        for (const octet of waited) read(octet);
      }, kind.delayMs).unref();
    }
  };

  const submit = (text: string) => {
    const decoded = decodeSubmitPdu(text.trim());
    if (!decoded.ok) {
      answer("AT+CMGS", [], error(304, "CMS")); // 3GPP TS 27.005, 3.2.5: invalid PDU mode parameter
      return;
    }
    const message = { atMs: Date.now(), pdu: text.trim(), submit: decoded.value };
    reference = (reference + 1) & 0xff;
    answer("AT+CMGS", [`+CMGS: ${reference}`], "OK");
    sent.push(message);
    options.onMessage?.(message);
    for (const wake of waiting.splice(0)) wake();
  };

  const run = (command: string) => {
    commands.push(command);
    const reply = replyTo(command.toUpperCase().replace(/^AT/, ""));
    if (reply === "prompt") {
      const index = faults.findIndex((fault) => fault.command.test("prompt"));
      if (index >= 0)
        faults.splice(index, 1); // never prompts, and takes no message
      else {
        pdu = "";
        pty.write("\r\n> ");
      }
    } else if (reply === undefined) answer(command, [], error(4));
    else answer(command, reply.lines ?? [], reply.error ?? "OK");
  };

  type Reply = { lines?: readonly string[]; error?: string } | "prompt" | undefined;
  const replyTo = (name: string): Reply => {
    const value = /=(.*)$/.exec(name)?.[1] ?? "";
    const fixed = FIXED[name];
    if (fixed !== undefined) return { lines: fixed };
    if (/^E[01]?$/.test(name)) settings.echo = name === "E1";
    else if (/^\+CMEE=[012]$/.test(name)) settings.errors = Number(value);
    else if (name === "+CMEE?") return { lines: [`+CMEE: ${settings.errors}`] };
    else if (/^\+CMGF=[01]$/.test(name)) settings.pduMode = value === "0";
    else if (name === "+CMGF?") return { lines: [`+CMGF: ${settings.pduMode ? 0 : 1}`] };
    else if (name === "+CPIN?") return state.simReady ? { lines: ["+CPIN: READY"] } : { lines: ["+CPIN: SIM PIN"] };
    else if (/^\+CE?REG=[012]$/.test(name)) settings.registrationMode = Number(value);
    else if (/^\+C[EG]?REG\?$/.test(name)) {
      const cell = settings.registrationMode === 2 && state.registration === 1 ? `,${CELL}` : "";
      return { lines: [`${name.slice(0, -1)}: ${settings.registrationMode},${state.registration}${cell}`] };
    } else if (name === "+CSQ") return { lines: [`+CSQ: ${state.signalQuality},99`] };
    else if (/^\+COPS=3,[02]$/.test(name)) settings.numericOperator = value === "3,2";
    else if (name === "+COPS?")
      return { lines: [settings.numericOperator ? `+COPS: 0,2,"${state.operator}",7` : '+COPS: 0,0,"Cepa",7'] };
    else if (/^\+CPMS=/.test(name)) return { lines: [`+CPMS: ${stored.size},20,${stored.size},20,${stored.size},20`] };
    else if (name === "+CPMS?")
      return { lines: [`+CPMS: "SM",${stored.size},20,"SM",${stored.size},20,"SM",${stored.size},20`] };
    else if (/^\+CMGS=\d{1,3}$/.test(name)) return state.registration === 1 ? "prompt" : { error: error(331, "CMS") };
    else if (/^\+CMGR=\d+$/.test(name)) {
      const message = stored.get(Number(value));
      return message === undefined
        ? { error: error(321, "CMS") }
        : { lines: [`+CMGR: 0,,${message.length / 2 - 1}`, message] };
    } else if (/^\+CMGL/.test(name))
      return { lines: [...stored].flatMap(([index, text]) => [`+CMGL: ${index},0,,${text.length / 2 - 1}`, text]) };
    else if (/^\+CMGD=\d+/.test(name)) stored.delete(Number.parseInt(value, 10));
    else if (/^\+(?:CNMI|CSCS|CSMS|CFUN|CSCA|CGREG|CTZR|CLIP)=/.test(name) || /^(?:|Z|&F.*|[VQ][01])$/.test(name)) {
      if (/^\+CFUN=1,1/.test(name)) settings.echo = true;
    } else return undefined;
    return {};
  };

  const read = (octet: number): void => {
    if (late !== undefined) {
      late.push(octet);
      return;
    }
    if (pdu !== undefined) {
      if (settings.echo) pty.write(Uint8Array.of(octet));
      if (octet === END_OF_MESSAGE) {
        const text = pdu;
        pdu = undefined;
        submit(text);
      } else if (octet === ESCAPE) {
        pdu = undefined;
        say("OK");
      } else pdu += String.fromCharCode(octet);
      return;
    }
    if (octet === ESCAPE || octet === 0x0a) return;
    if (octet !== 0x0d) {
      if (partial.length < 1024) partial += String.fromCharCode(octet);
      return;
    }
    const command = partial.trim();
    partial = "";
    if (command === "") return;
    if (settings.echo) pty.write(`${command}\r`);
    if (/^at/i.test(command)) run(command);
  };

  (async () => {
    for await (const chunk of pty.chunks) for (const octet of chunk) read(octet);
  })().catch(() => {});

  return {
    path: options.path,
    sent,
    commands,
    faults,
    state,
    deliver: ({ atMs, submit: { userData } }) => ({
      from: options.ownNumber ?? "+441632960002",
      received_at: new Date(atMs).toISOString(),
      pdu: encodeDeliverPdu({ from: options.ownNumber ?? "+441632960002", atMs, userData }),
    }),
    receive(text) {
      const index = stored.size + 1;
      stored.set(index, text);
      say(`+CMTI: "SM",${index}`);
    },
    announce: (line) => void say(line),
    async message(index, messageSignal) {
      for (;;) {
        const message = sent[index];
        if (message !== undefined) return message;
        messageSignal.throwIfAborted();
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          messageSignal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    },
  };
}

/** Answers that never change; what gammu asks a modem before it sends is among them. */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  "+CGMI": ["Cepa"],
  "+CGMM": ["Emulated modem"],
  "+CGMR": ["1.0"],
  "+CGSN": ["490154203237518"],
  "+CIMI": ["234150000000002"],
  "+CSCA?": ['+CSCA: "+447785016005",145'],
  "+CSMS?": ["+CSMS: 0,1,1,1"],
  "+CSMS=?": ["+CSMS: (0,1)"],
  "+CMGF=?": ["+CMGF: (0,1)"],
  "+CSCS=?": ['+CSCS: ("IRA","GSM","UCS2")'],
  "+CSCS?": ['+CSCS: "GSM"'],
  "+CPMS=?": ['+CPMS: ("SM"),("SM"),("SM")'],
  "+CNMI=?": ["+CNMI: (0-2),(0-3),(0,2),(0,1),(0,1)"],
  "+CFUN?": ["+CFUN: 1"],
  "+CBC": ["+CBC: 0,100"],
};
