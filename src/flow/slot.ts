/** Index into the flow table's columns and into every other stage's columns beside them. */
export type FlowSlot = number;
