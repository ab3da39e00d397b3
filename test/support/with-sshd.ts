import { appendFile, copyFile, cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { nodeExec } from "../../core/node/exec.ts";

const TIMEOUT_MS = 60_000;
const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const UNIT = `[Unit]
Description=A way in
After=cepa-firewall.service

[Service]
RuntimeDirectory=sshd
ExecStart=/usr/sbin/sshd -D -e -f /usr/lib/cepa/sshd_config

[Install]
WantedBy=multi-user.target
`;

/**
 * Makes of an image's tree one with a way in: OpenSSH's server of the tools tree, and a packet filter that lets it answer. For tests that
 * must see what a scan finds.
 */
export async function addSshd(tree: string, tools: string): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const programs = ["/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth"];
  const { stdout } = await nodeExec("chroot", [tools, "ldd", ...programs], signal);
  for (const [, library = ""] of stdout.matchAll(/=> (\/\S+)/g))
    await cp(join(tools, library), join(tree, LIBRARIES, basename(library)), { dereference: true, force: false });
  await mkdir(join(tree, "usr/lib/openssh"), { recursive: true });
  for (const program of programs) await copyFile(join(tools, program), join(tree, program));
  const hostKey = join(tree, "usr/lib/cepa/ssh_host_ed25519_key");
  await nodeExec("chroot", [tools, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/tmp/host-key"], signal);
  await copyFile(join(tools, "tmp/host-key"), hostKey);
  await nodeExec("rm", [join(tools, "tmp/host-key"), join(tools, "tmp/host-key.pub")], signal);
  await nodeExec("chmod", ["600", hostKey], signal);
  await writeFile(join(tree, "usr/lib/cepa/sshd_config"), "HostKey /usr/lib/cepa/ssh_host_ed25519_key\nUsePAM no\n");
  await appendFile(join(tree, "etc/passwd"), "sshd:x:990:65534:sshd:/run/sshd:/usr/bin/false\n");
  const units = join(tree, "usr/lib/systemd/system");
  await writeFile(join(units, "open-sshd.service"), UNIT);
  await symlink("../open-sshd.service", join(units, "multi-user.target.wants/open-sshd.service"));
  const filter = join(tree, "usr/lib/cepa/nftables.conf");
  const rules = (await readFile(filter, "utf8"))
    .replace('    iifname "lo" accept\n', "$&    tcp dport 22 accept\n")
    .replace('    oifname "lo" accept\n', "$&    tcp sport 22 accept\n");
  await writeFile(filter, rules);
}
