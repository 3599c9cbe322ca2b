/** All heads of all layers as pictures. */

import type { AttentionProbabilities } from 'mathformer/model';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { palette } from '../../charts/palette.ts';
import { type HeadRef, headsOf, headValues } from './attentionView.ts';
import { type HeadScale, paintHead } from './paintHead.ts';

/** Pixels of a side; a picture of more tokens is shrunk. */
const SIDE = 96;
/** From more heads on, their names do not fit below the pictures. */
const MANY = 8;

export interface HeadThumbnailsProps {
  readonly attention: Pick<AttentionProbabilities, 'layers' | 'heads' | 'length' | 'probabilities'>;
  readonly scale: HeadScale;
  readonly chosen: HeadRef;
  readonly onChoose: (head: HeadRef) => void;
}

export function HeadThumbnails({ attention, scale, chosen, onChoose }: HeadThumbnailsProps) {
  const { heads } = attention;
  return (
    <fieldset
      class={heads > MANY ? 'heads many' : 'heads'}
      data-testid="heads"
      style={{ '--heads': String(heads) }}
    >
      <legend class="visually-hidden">Heads by layer</legend>
      {headsOf(attention).map(({ layer, head }) => (
        <HeadButton
          key={`${layer}.${head}`}
          at={{ layer, head }}
          attention={attention}
          scale={scale}
          pressed={chosen.layer === layer && chosen.head === head}
          onChoose={onChoose}
        />
      ))}
    </fieldset>
  );
}

interface HeadButtonProps extends Omit<HeadThumbnailsProps, 'chosen'> {
  readonly at: HeadRef;
  readonly pressed: boolean;
}

function HeadButton({ at, attention, scale, pressed, onChoose }: HeadButtonProps) {
  const name = `Layer ${at.layer + 1}, head ${at.head + 1}`;
  return (
    <button type="button" class="head" aria-pressed={pressed} title={name} onClick={() => onChoose(at)}>
      <HeadPicture at={at} attention={attention} scale={scale} />
      <span aria-hidden="true">
        {at.layer + 1}.{at.head + 1}
      </span>
      <span class="visually-hidden">{name}</span>
    </button>
  );
}

function HeadPicture({ at, attention, scale }: Pick<HeadButtonProps, 'at' | 'attention' | 'scale'>) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const colours = palette.value;
  useLayoutEffect(() => {
    if (canvas.current)
      paintHead(canvas.current, headValues(attention, at), { side: SIDE, scale, palette: colours });
  }, [attention, scale, colours, at.layer, at.head]);
  return <canvas ref={canvas} />;
}
