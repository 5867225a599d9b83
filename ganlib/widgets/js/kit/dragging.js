/** Dragging on a canvas, by mouse, pen or finger. */

/**
 * @typedef {[number, number]} Place A point of the canvas: x and y in CSS pixels.
 */

/**
 * @template Held
 * @typedef {object} Drag What can be dragged.
 * @property {(place: Place, event: PointerEvent) => Held | null | undefined | false} take what is held now, if anything
 * @property {(held: Held, place: Place) => void} move follows the pointer
 * @property {(place: Place, held: Held | null) => string} cursor the pointer's shape
 * @property {(place: Place) => unknown} hold whether a finger there must not scroll the page
 */

/**
 * Let things on a canvas be dragged; the function returned undoes it all.
 * @template Held
 * @param {HTMLCanvasElement} canvas
 * @param {Drag<Held>} drag
 * @returns {() => void}
 */
export const dragging = (canvas, { take, move, cursor, hold }) => {
  /** @type {(point: { clientX: number, clientY: number }) => Place} */
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  };
  /** @type {Held | null} */
  let held = null;
  const leave = () => {
    held = null;
  };
  const ended = new AbortController();
  const options = { passive: false, signal: ended.signal };
  canvas.classList.add("draggable");
  canvas.addEventListener(
    "pointerdown",
    (event) => {
      held = (event.isPrimary && event.button === 0 && take(place(event), event)) || null;
      if (held) canvas.setPointerCapture(event.pointerId);
    },
    options,
  );
  canvas.addEventListener(
    "pointermove",
    (event) => {
      if (held) move(held, place(event));
      canvas.style.cursor = cursor(place(event), held);
    },
    options,
  );
  canvas.addEventListener("pointerup", leave, options);
  canvas.addEventListener("pointercancel", leave, options);
  canvas.addEventListener(
    "touchstart",
    (event) => {
      if (hold(place(event.touches[0]))) event.preventDefault();
    },
    options,
  );
  return () => ended.abort();
};
