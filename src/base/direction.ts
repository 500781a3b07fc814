/** Which way bytes of a flow travel. Also the index of per-direction columns and pairs. */
export const TO_SERVER = 0;
export const TO_CLIENT = 1;
export type Direction = typeof TO_SERVER | typeof TO_CLIENT;

export const opposite = (direction: Direction): Direction => (direction === TO_SERVER ? TO_CLIENT : TO_SERVER);
