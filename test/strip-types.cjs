// Node's own type stripping keeps line numbers, so no source maps and no compiler are needed.
const { stripTypeScriptTypes } = require('node:module');
module.exports = { process: (source) => ({ code: stripTypeScriptTypes(source, { mode: 'strip' }) }) };
