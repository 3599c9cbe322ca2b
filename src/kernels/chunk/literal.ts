/** Return the WGSL literal of a number that f32 holds exactly. */
export const floatWgsl = (value: number): string => value.toExponential();
