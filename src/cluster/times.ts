/** As the API writes most times (metav1.Time): RFC 3339 in whole seconds. */
export const rfc3339 = (epochMs: number): string => new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');

/** As Leases and Events want their times: RFC 3339 with six digits after the point (apimachinery, meta/v1/micro_time.go). */
export const microTime = (epochMs: number): string => new Date(epochMs).toISOString().replace(/Z$/, '000Z');
