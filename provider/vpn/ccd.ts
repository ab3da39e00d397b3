/** A sensor's file in the client-config-dir; its name is the certificate's CN. */
export function renderCcd(address: string, mask: string): string {
  return `ifconfig-push ${address} ${mask}\n`;
}

/** The same for a sensor that may not connect (openvpn(8), `disable`). */
export const DISABLED_CCD = "disable\n";
