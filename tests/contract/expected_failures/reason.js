check(response, {
  sticky: (r) => r.headers["x-weighbridge-reason"] === "sticki",
  scored: (r) => r.headers["x-weighbridge-scores"] !== undefined,
});
