"""lab.db: the only meeting point of the process that trains and the processes that show; the only room with SQL.

One process writes (`writer.Writer`, held by the supervisor), any number read (`reader.Reader`), and a reader's one
way to say something is a row in `request` (`requests.ask`). Must not know labs, training or screens.
"""
