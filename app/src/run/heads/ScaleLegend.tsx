/** The scale of colours. */
import type { HeadScale } from './paintHead.ts';

export interface ScaleLegendProps {
  readonly scale: HeadScale;
  readonly format: (value: number) => string;
}

export function ScaleLegend({ scale, format }: ScaleLegendProps) {
  const [low, middle] = scale.kind === 'change' ? [-scale.most, 0] : [0, scale.most / 4];
  return (
    <span class="scale-legend">
      <span>{format(low)}</span>
      <span class={`ramp ${scale.kind}`}>
        <span>{format(middle)}</span>
      </span>
      <span>{format(scale.most)}</span>
    </span>
  );
}
