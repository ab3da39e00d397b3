/** The store's partition, whatever disk it is on. */
export const STORE_DEVICE = "/dev/disk/by-partlabel/nsm";
