/** A table of any number of rows: those in view are in the page, the others are told of by their count. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { sorted } from './columns.ts';
import { TableHead, type TableProps, TableRow } from './tableParts.tsx';
import './table.css';

/** Height of the head in px, which stays above the rows. */
const HEAD = 32;

export interface VirtualTableProps<Row> extends TableProps<Row> {
  /** Height of the part in view, as CSS has it. */
  readonly height?: string | undefined;
  /** Height of each row, in px; rows are one line. */
  readonly rowHeight?: number | undefined;
  /** The rows are in the order of `sort`, or are to keep the order that they have. */
  readonly presorted?: boolean | undefined;
  /** Scroll this row into view, and whenever it is another one. */
  readonly scrollTo?: string | number | undefined;
}

export function VirtualTable<Row>(props: VirtualTableProps<Row>) {
  const { label, columns, rows, rowKey, sort, testid, height = '24rem', rowHeight = 32, scrollTo } = props;
  const scroller = useRef<HTMLElement>(null);
  const ordered = props.presorted ? rows : sorted(rows, columns, sort);
  const virtualizer = useVirtualizer(scroller, ordered.length, rowHeight);
  const index = scrollTo === undefined ? -1 : ordered.findIndex((row) => rowKey(row) === scrollTo);
  useEffect(() => {
    if (index >= 0) virtualizer.scrollToIndex(index, { align: 'auto' });
  }, [index, virtualizer]);
  const items = virtualizer.getVirtualItems();
  const before = (items[0]?.start ?? HEAD) - HEAD;
  const after = virtualizer.getTotalSize() + HEAD - (items.at(-1)?.end ?? HEAD);
  return (
    <section
      ref={scroller}
      class="table-scroll virtual"
      style={{ maxHeight: height }}
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a table that scrolls has to be reachable from the keyboard
      tabIndex={0}
    >
      <table class="table" aria-label={label} aria-rowcount={ordered.length + 1}>
        <TableHead columns={columns} sort={sort} onSort={props.onSort} />
        <Spacer height={before} columns={columns.length} />
        <tbody data-testid={testid}>
          {items.map(({ index }) => {
            const row = ordered[index];
            // Between the render and the virtualizer's new count there may be fewer rows.
            return row && <TableRow key={rowKey(row)} row={row} index={index + 2} {...props} />;
          })}
        </tbody>
        <Spacer height={after} columns={columns.length} />
      </table>
    </section>
  );
}

/** Takes the place of rows that are not in the page. */
function Spacer({ height, columns }: { readonly height: number; readonly columns: number }) {
  if (height <= 0) return null;
  return (
    <tbody class="spacer" aria-hidden="true">
      <tr>
        <td colSpan={columns} style={{ height: `${height}px` }} />
      </tr>
    </tbody>
  );
}

function useVirtualizer(
  scroller: { readonly current: HTMLElement | null },
  count: number,
  rowHeight: number,
): Virtualizer<HTMLElement, HTMLElement> {
  const [, setVersion] = useState(0);
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    scrollMargin: HEAD,
    scrollPaddingStart: HEAD,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => setVersion((version) => version + 1),
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}
