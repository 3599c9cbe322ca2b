/** Draws the clipped objective min(r·A, clip(r)·A) for A = 1 and A = −1, and tokens on it. */
import type { Surface } from '../charts/Canvas.tsx';
import { drawMarker } from '../charts/markers.ts';
import { css } from '../charts/palette.ts';
import { type PractisedToken, surrogate } from './practice.ts';

/** Height of the drawing, in CSS px. */
export const HEIGHT = 360;

const MARGIN = { left: 56, right: 16, top: 24, bottom: 48 };
const RATIOS = [0, 2] as const;
const OBJECTIVE = 2;
const FONT = '12px seravek, "Segoe UI", ubuntu, "Noto Sans", "Liberation Sans", sans-serif';

export interface ClipDrawing {
  readonly tokens: readonly PractisedToken[];
  readonly clipRatio: number;
}

export function drawClip(
  { context, width, height, palette }: Surface,
  { tokens, clipRatio }: ClipDrawing,
): void {
  const x = (ratio: number): number =>
    MARGIN.left +
    ((Math.min(ratio, RATIOS[1]) - RATIOS[0]) / (RATIOS[1] - RATIOS[0])) *
      (width - MARGIN.left - MARGIN.right);
  const y = (objective: number): number =>
    MARGIN.top + ((OBJECTIVE - objective) / (2 * OBJECTIVE)) * (height - MARGIN.top - MARGIN.bottom);
  const ink = (name: string, alpha = 1): string => css(palette.colour(name), alpha);

  context.fillStyle = ink('well');
  context.fillRect(
    x(1 - clipRatio),
    MARGIN.top,
    x(1 + clipRatio) - x(1 - clipRatio),
    height - MARGIN.top - MARGIN.bottom,
  );
  context.fillStyle = ink('line');
  context.fillRect(MARGIN.left, y(0), width - MARGIN.left - MARGIN.right, 1);
  context.fillRect(x(1), MARGIN.top, 1, height - MARGIN.top - MARGIN.bottom);
  curve(1, 'series-1');
  curve(-1, 'series-2');
  for (const token of tokens) point(token);
  labels();

  function curve(sign: 1 | -1, colour: string): void {
    context.strokeStyle = ink(colour);
    context.lineWidth = 2;
    context.beginPath();
    const bounds = [RATIOS[0], 1 - clipRatio, 1 + clipRatio, RATIOS[1]];
    for (const ratio of bounds) context.lineTo(x(ratio), y(surrogate(ratio, sign, clipRatio)));
    context.stroke();
  }

  /** A token lies on the curve of its sign; one that is clipped is hollow. */
  function point({ ratio, advantage, clipped }: PractisedToken): void {
    if (advantage === 0) return;
    const sign = Math.sign(advantage);
    const shape = sign > 0 ? 'triangle' : 'disc';
    const at = [x(ratio), y(surrogate(Math.min(ratio, RATIOS[1]), sign, clipRatio))] as const;
    context.fillStyle = ink(sign > 0 ? 'series-1' : 'series-2', clipped ? 1 : 0.75);
    drawMarker(context, shape, at[0], at[1], 6);
    if (!clipped) return;
    context.fillStyle = ink('panel');
    drawMarker(context, shape, at[0], at[1], 3);
  }

  function labels(): void {
    context.font = FONT;
    context.fillStyle = ink('ink-2');
    context.textBaseline = 'top';
    context.textAlign = 'center';
    for (const ratio of [0, 1 - clipRatio, 1, 1 + clipRatio, 2]) {
      context.fillText(ratio.toFixed(2).replace(/\.?0+$/, ''), x(ratio), height - MARGIN.bottom + 6);
    }
    context.fillText(
      'ratio: probability now ÷ when it was sampled',
      (MARGIN.left + width - MARGIN.right) / 2,
      height - 20,
    );
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (const objective of [-1, 0, 1])
      context.fillText(String(objective).replace('-', '−'), MARGIN.left - 8, y(objective));
    context.textAlign = 'left';
    context.fillStyle = ink('series-1');
    context.fillStyle = ink('ink-2');
    context.fillText('objective ÷ |advantage|', 0, 8);
    context.fillStyle = ink('series-1');
    context.fillText('▼ better than its group', MARGIN.left + 8, y(1.75));
    context.fillStyle = ink('series-2');
    context.fillText('● worse than its group', MARGIN.left + 8, y(-1.75));
  }
}
