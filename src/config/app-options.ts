import type { AppOptions } from '../app/index.ts';
import type { Config } from './config.ts';

/** The limits of the protocol parsers, as a configuration sets them. */
export const appOptions = ({ http }: Config): AppOptions => ({
  http: {
    maxHeadBytes: http.headerBytes,
    maxRequestBodyBytes: http.requestBodyBytes,
    maxResponseBodyBytes: http.responseBodyBytes,
    maxPathSlashes: http.maxSlashes,
  },
});
