import type { ImageInputs } from "./image-inputs.ts";
import type { ImageProfile } from "./profile.ts";

/** For ukify(1), in the tools tree: what the kernel consists of, but for its output and the signature of its measurement. */
export function ukiArguments({ profile, keys }: ImageInputs, rootHash: string): readonly string[] {
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

export function renderCommandLine(profile: ImageProfile, rootHash: string): string {
  return [
    `roothash=${rootHash}`,
    ...profile.consoles.map((console) => `console=${console}`),
    "quiet loglevel=3 panic=10 ro",
    "systemd.gpt_auto=no systemd.firstboot=no systemd.show_status=no",
    // Nothing that the firmware or the unverified ESP hands over becomes part of the system.
    "systemd.import_credentials=no",
    "ipv6.disable_ipv6=1",
    // Nothing on USB does anything until it is admitted: overlay/usr/lib/udev/rules.d/61-cepa-usb.rules.
    "usbcore.authorized_default=0",
    "lockdown=confidentiality module.sig_enforce=1 init_on_alloc=1 slab_nomerge page_alloc.shuffle=1",
    "randomize_kstack_offset=on vsyscall=none debugfs=off",
  ].join(" ");
}
