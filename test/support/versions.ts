import fc from "fast-check";

const number = fc.oneof(fc.nat(12), fc.nat(999_999_999));
/** Any version, as fast-check makes them. */
export const version = fc
  .tuple(
    fc.array(number, { minLength: 1, maxLength: 6 }),
    fc.option(fc.tuple(fc.stringMatching(/^[a-z]{1,4}$/), fc.option(number))),
  )
  .map(([numbers, suffix]) => {
    const early = suffix === null ? "" : `~${suffix[0]}${suffix[1] ?? ""}`;
    return `${numbers.join(".")}${early}`;
  });
