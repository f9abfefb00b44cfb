// Fills FOLDER/picture.png through the provider, as its users do, into FOLDER/filled.png.
// node fill.mjs URL KEY FOLDER; prints what else came back, as JSON.
import { readFile, writeFile } from "node:fs/promises";
import { createBlackForestLabs } from "@ai-sdk/black-forest-labs";
import { generateImage } from "ai";

const [url, apiKey, folder] = process.argv.slice(2);
const bfl = createBlackForestLabs({ apiKey, baseURL: `${url}/v1`, pollIntervalMillis: 50 });
const { image, warnings, providerMetadata } = await generateImage({
  model: bfl.image("flux-pro-1.0-fill"),
  prompt: {
    text: "a red vase",
    images: [await readFile(`${folder}/picture.png`)],
    mask: await readFile(`${folder}/mask.png`),
  },
  seed: 7,
  maxRetries: 0,
  providerOptions: { blackForestLabs: { steps: 15, guidance: 30, outputFormat: "png" } },
});
await writeFile(`${folder}/filled.png`, image.uint8Array);
console.log(JSON.stringify({ mediaType: image.mediaType, warnings, providerMetadata }));
