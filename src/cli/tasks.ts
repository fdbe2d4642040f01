/** What `parley` alone prints: the tasks that most people have, each with a command that works as it is. */
export const TASKS = `Parley is a self-hosted conversation server over WebSocket.

  parley serve                         run a server here, on its embedded store
  parley chat lobby                    talk in this terminal
  parley user add alice --plan basic   make an account
  parley conversation list             look at what is stored
  parley doctor                        check an installation
  parley examples                      programs to begin with

\`parley --help\` lists every command; \`parley <command> --help\` explains one.
`;
