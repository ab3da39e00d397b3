import { inflateRawSync } from "node:zlib";

/** The first 34 sectors of a disk image that systemd-repart 257 made of image/layout.ts: MBR, GPT header, entries. */
export const GPT_HEAD: Uint8Array = Uint8Array.from(
  inflateRawSync(
    Buffer.from(
      [
        "7dRfSFNRHAfw3zaym2PUIkmMaBKkVIz5EEETccSmNp1jOJMarTHm7GE0mowmIiJevEIkKAg+WGEJK1IIwcHag7ZAVtvLqIfegh4mpWIP/VkS",
        "txO7invKhoLK9wOHe++553e/59zDvUSwl8lpRRRFGTur4Az/XW1/ZjQ1aKwGWwuRjBysJ3s0VvL3jkwasfFULncokq5rn/+w3hh+WD8Vf1+/",
        "enNEJZfG90rNIaQmsDu7X2Xg7Pypn2l11EyPEjUJ/VhQNzhlvNQ8G47cvrdkDK7vu3iQy6vzUID825D/KdbRnFp80TSaWXuT7Y8cOpFUfj2p",
        "GK3zZj7PXL7w/ThxnJR/bHPZETebgZ9c5CQdaamKNV1B+ctXA+fTXz6YpudPv7u4dO5b6PdrvmOhW9f2RPC+1Z9JE5fLFQf+ne+kIOu9Q7eo",
        "k0IFrj+r5q3XW6O1vHCg1N7+KknCer4mL9/JknxsBltP2tr6X5rMKsXQXQvvnluN9U2rSdBI7798R/If3L/iUPpsjePX4h8nu3pk4Wrl47Li",
        "EsvEr2DjU157mLhyKT//7xZgyS7WPPiEAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABgn/gD",
      ].join(""),
      "base64",
    ),
  ),
);
/** Of the whole image. */
export const GPT_HEAD_DISK_BYTES = 2_182_107_136;
