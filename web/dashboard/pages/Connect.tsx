/** Choose the tool to sign in. The page's key is made before the session is asked for. */

import { api, type Tool } from "../api";
import { BrowserKeys, makeKey } from "../credential/keys";
import { Heading, ProblemNote, pageOf, sentence } from "../parts";
import { go } from "../router";
import { useAction, useLoaded } from "../use";

const keys = new BrowserKeys();

export function Connect() {
  const tools = useLoaded<Tool[]>(api.tools);
  const { busy, problem, run } = useAction();
  const start = (tool: Tool) =>
    run(async () => {
      const recipient = await makeKey(keys, Date.now());
      try {
        go(pageOf(await api.start({ provider: tool.name, recipient })));
      } catch (error) {
        await keys.delete(recipient);
        throw error;
      }
    });
  return (
    <>
      <Heading title="Connect a command-line tool" />
      <p className="lead">
        Choose a tool. A machine is made for you, with the tool's sign-in page open. What the tool
        writes there is sealed to a key of this browser; then the machine is destroyed.
      </p>
      <ProblemNote problem={problem ?? tools.problem} />
      {!tools.data && !tools.problem && <p className="dim">Loading the tools…</p>}
      <ul className="cards">
        {tools.data?.map((tool) => (
          <li key={tool.name}>
            <button
              type="button"
              className="tool"
              disabled={busy || !(tool.installed || tool.installable)}
              onClick={() => start(tool)}
            >
              <span className="monogram" aria-hidden="true">
                {tool.title.slice(0, 1)}
              </span>
              <span>
                <strong>{tool.title}</strong>
                <span className="dim small block">
                  {tool.vendor}
                  {tool.version && ` · ${tool.version}`}
                </span>
                {!tool.installed && <span className="small block why">{missing(tool)}</span>}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** What is to be known of a tool that is not on the host yet. */
function missing(tool: Tool): string {
  if (tool.installable) return "Installed at first use; that takes a few seconds.";
  return tool.note ? sentence(tool.note) : "It cannot be installed on this host.";
}
