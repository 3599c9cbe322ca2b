/** One head, enlarged: a square of cells with the tokens on both axes, and a cursor for mouse and keyboard. */
import { useCallback, useId, useMemo, useRef } from 'preact/hooks';
import { Canvas, type Surface, useWidth } from '../../charts/Canvas.tsx';
import { css, type Palette, palette } from '../../charts/palette.ts';
import { announce } from '../../ui/live.tsx';
import { visibleToken } from '../../ui/visibleText.ts';
import { type HeadValues, movedCell } from './attentionView.ts';
import { type HeadScale, paintHead } from './paintHead.ts';

/** A cell: token i looks at token j. */
export interface Cell {
  readonly i: number;
  readonly j: number;
}

export interface HeadMatrixProps {
  readonly label: string;
  readonly head: HeadValues;
  readonly texts: readonly string[];
  readonly scale: HeadScale;
  readonly cell: Cell;
  readonly onCell: (cell: Cell) => void;
  /** Write a value. */
  readonly format: (value: number) => string;
}

/** Sizes in CSS px. */
const LEFT = 96;
const TOP = 92;
const LARGEST_CELL = 36;
const SMALLEST_LABELLED = 12;
const SMALLEST_WITH_LINES = 8;
const FONT = 12;

const cellSize = (width: number, length: number): number =>
  Math.max(1, Math.min(LARGEST_CELL, (width - LEFT) / length));

export function HeadMatrix({ label, head, texts, scale, cell, onCell, format }: HeadMatrixProps) {
  const { length, values } = head;
  const place = useRef<HTMLDivElement>(null);
  const size = cellSize(useWidth(place), length);
  const help = useId();
  const colours = palette.value;
  const picture = useMemo(() => pictureOf(head, scale, colours), [head, scale, colours]);
  const draw = useCallback(
    (surface: Surface) => drawMatrix(surface, { picture, texts, cell, size }),
    [picture, texts, cell, size],
  );
  const point = ({ offsetX, offsetY }: PointerEvent): void => {
    const [i, j] = [Math.floor((offsetY - TOP) / size), Math.floor((offsetX - LEFT) / size)];
    const isInside = i >= 0 && i < length && j >= 0 && j <= i;
    if (isInside && (i !== cell.i || j !== cell.j)) onCell({ i, j });
  };
  const move = (event: KeyboardEvent): void => {
    const moved = movedCell(cell, event.key, length);
    if (!moved) return;
    event.preventDefault();
    onCell(moved);
    const [from, to] = [moved.i, moved.j].map((token) => visibleToken(texts[token] ?? ''));
    announce(`${from} looks at ${to}: ${format(values[moved.i * length + moved.j] ?? 0)}`);
  };
  return (
    <div ref={place} class="head-matrix">
      <p id={help} class="visually-hidden">
        Up and down choose a token; left and right choose the token that it looks at.
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move the cursor in the square */}
      <div role="application" aria-label={label} aria-describedby={help} tabIndex={0} onKeyDown={move}>
        <Canvas
          draw={draw}
          label={label}
          height={Math.ceil(TOP + length * size) + FONT}
          onPointerMove={point}
          onPointerDown={point}
        />
      </div>
    </div>
  );
}

function pictureOf(head: HeadValues, scale: HeadScale, colours: Palette): HTMLCanvasElement {
  const picture = document.createElement('canvas');
  paintHead(picture, head, { side: head.length, scale, palette: colours });
  return picture;
}

interface Drawing extends Pick<HeadMatrixProps, 'texts' | 'cell'> {
  /** One pixel a cell. */
  readonly picture: HTMLCanvasElement;
  /** Size of a cell, in CSS px. */
  readonly size: number;
}

function drawMatrix({ context, palette: colours }: Surface, { picture, texts, cell, size }: Drawing): void {
  const length = picture.width;
  const side = length * size;
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, LEFT, TOP, side, side);
  if (size >= SMALLEST_WITH_LINES) drawLines();
  context.strokeStyle = css(colours.colour('signal'));
  context.lineWidth = 2;
  context.strokeRect(LEFT + cell.j * size - 1, TOP + cell.i * size - 1, size + 1, size + 1);
  for (let t = 0; t < length; t++) {
    const text = visibleToken(texts[t] ?? '');
    const isLabelled = size >= SMALLEST_LABELLED;
    if (isLabelled || t === cell.i)
      write(text, { x: LEFT - 8, y: TOP + (t + 0.5) * size }, 'row', t === cell.i);
    if (isLabelled || t === cell.j)
      write(text, { x: LEFT + (t + 0.5) * size, y: TOP - 8 }, 'column', t === cell.j);
  }

  /** Lines between the cells, in the colour of the ground. */
  function drawLines(): void {
    context.fillStyle = css(colours.colour('panel'));
    for (let t = 1; t <= length; t++) {
      context.fillRect(LEFT, TOP + t * size - 1, side, 1);
      context.fillRect(LEFT + t * size - 1, TOP, 1, side);
    }
  }

  function write(text: string, at: { x: number; y: number }, axis: 'row' | 'column', strong: boolean): void {
    context.save();
    context.translate(at.x, at.y);
    if (axis === 'column') context.rotate(-Math.PI / 2);
    context.font = `${strong ? 700 : 400} ${FONT}px ui-monospace, "Cascadia Code", menlo, consolas, "DejaVu Sans Mono", monospace`;
    context.fillStyle = css(colours.colour(strong ? 'ink' : 'ink-2'));
    context.textAlign = axis === 'row' ? 'right' : 'left';
    context.textBaseline = 'middle';
    context.fillText(text, 0, 0, axis === 'row' ? LEFT - 10 : TOP - 10);
    context.restore();
  }
}
