/** A channel is a name: sensors are on one, versions are published to one. */
export const CHANNEL_PATTERN = /^[a-z0-9][a-z0-9-]{0,30}$/;
export const CHANNEL_WORDS = "a channel: a-z, 0-9 and -, at most 31, not - first";
export const DEFAULT_CHANNEL = "stable";
