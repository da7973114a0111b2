// Reads paths of glTF files, one a line, and prints the errors that the Khronos validator finds in each, as JSON, one line a file.
// node validate_gltf.js FOLDER_OF_THE_PACKAGE < paths
const fs = require('fs');
const path = require('path');
const validator = require(path.resolve(process.argv[2]));

async function errorsOf(file) {
    const beside = uri => fs.promises.readFile(path.resolve(path.dirname(file), decodeURIComponent(uri))).then(data => new Uint8Array(data));
    const bytes = new Uint8Array(fs.readFileSync(file));
    const report = await validator.validateBytes(bytes, {uri: path.basename(file), maxIssues: 0, externalResourceFunction: beside});
    return report.issues.messages.filter(message => message.severity === 0).map(message => `${message.code} ${message.pointer}`);
}

(async () => {
    for (const file of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
        console.log(JSON.stringify(await errorsOf(file)));
    }
})();
