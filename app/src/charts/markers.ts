/** Shapes of points. */
import type { Marker } from './seriesStyle.ts';

/** Fill a shape about a point. @param radius in px of the canvas. */
export function drawMarker(
  context: CanvasRenderingContext2D,
  marker: Marker,
  x: number,
  y: number,
  radius: number,
): void {
  context.beginPath();
  switch (marker) {
    case 'disc':
      context.arc(x, y, radius, 0, 2 * Math.PI);
      break;
    case 'square':
      context.rect(x - 0.9 * radius, y - 0.9 * radius, 1.8 * radius, 1.8 * radius);
      break;
    case 'triangle':
      polygon(context, [
        [x, y + radius],
        [x - radius, y - 0.8 * radius],
        [x + radius, y - 0.8 * radius],
      ]);
      break;
    case 'diamond':
      polygon(context, [
        [x, y - 1.2 * radius],
        [x + 1.2 * radius, y],
        [x, y + 1.2 * radius],
        [x - 1.2 * radius, y],
      ]);
      break;
    default:
      marker satisfies never;
  }
  context.fill();
}

function polygon(context: CanvasRenderingContext2D, corners: readonly (readonly [number, number])[]): void {
  for (const [x, y] of corners) context.lineTo(x, y);
  context.closePath();
}
