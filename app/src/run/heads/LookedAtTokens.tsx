/** The tokens that one token looks at, as text: the ground of each is its value. */
import { css, inkOn, palette } from '../../charts/palette.ts';
import type { Column } from '../../ui/columns.ts';
import { Details } from '../../ui/Details.tsx';
import { VirtualTable } from '../../ui/VirtualTable.tsx';
import { visibleToken } from '../../ui/visibleText.ts';
import { type HeadValues, type LookedAt, rowOf } from './attentionView.ts';
import type { Cell } from './HeadMatrix.tsx';
import { type HeadScale, headColour } from './paintHead.ts';

export interface LookedAtTokensProps {
  readonly head: HeadValues;
  readonly texts: readonly string[];
  readonly scale: HeadScale;
  readonly cell: Cell;
  readonly onCell: (cell: Cell) => void;
  readonly format: (value: number) => string;
}

export function LookedAtTokens({ head, texts, scale, cell, onCell, format }: LookedAtTokensProps) {
  const row = rowOf(head, cell.i, texts);
  const colours = palette.value;
  const columns: readonly Column<LookedAt>[] = [
    { key: 'position', header: 'Position', numeric: true, cell: ({ position }) => position + 1 },
    { key: 'token', header: 'Token', rowHeader: true, cell: ({ text }) => <code>{visibleToken(text)}</code> },
    { key: 'value', header: 'Value', numeric: true, cell: ({ value }) => format(value) },
  ];
  const token = visibleToken(texts[cell.i] ?? '');
  return (
    <div class="stack">
      <p class="looked-at" aria-hidden="true">
        {row.map(({ position, text, value }) => {
          const ground = headColour(scale, value, colours);
          const style = { backgroundColor: css(ground), color: css(inkOn(ground)) };
          return (
            <span
              key={position}
              class={position === cell.j ? 'token current' : 'token'}
              style={style}
              title={`${visibleToken(text)}: ${format(value)}`}
              onPointerEnter={() => onCell({ i: cell.i, j: position })}
            >
              {visibleToken(text)}
            </span>
          );
        })}
      </p>
      <Details summary="As a table">
        <VirtualTable
          label={`What ${token} looks at`}
          columns={columns}
          rows={row}
          rowKey={({ position }) => position}
          height="260px"
          isSelected={({ position }) => position === cell.j}
          onSelect={({ position }) => onCell({ i: cell.i, j: position })}
        />
      </Details>
    </div>
  );
}
