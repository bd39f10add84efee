/** As Leases and Events want their times: RFC 3339 with six digits after the point (apimachinery, meta/v1/micro_time.go). */
export const microTime = (epochMs: number): string => new Date(epochMs).toISOString().replace(/Z$/, '000Z');
