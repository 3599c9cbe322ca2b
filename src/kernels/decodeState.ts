/**
 * What the GPU knows of sequences. A slot is a sequence's place in the cache; a row is its place in the batch being
 * decoded, from which finished sequences are dropped as generation goes on. Both are four u32.
 */
export const STATE_WGSL = `
struct Slot {
  position: u32,     // of the newest token, counted from the start of the prompt
  generated: u32,    // tokens sampled so far
  finished: u32,
  token: u32,        // the newest one
}
struct Row { slot: u32, logits: u32, sequenceId: u32, unused: u32 }`;
