tasks-title = Tasks
tasks-waiting = to be done
tasks-overdue = overdue
tasks-do = Do
tasks-none = Nothing is to be done: no open case has a task that is not done.
tasks-none-so = No task is like this. The filter leaves all of them out.
tasks-all = All tasks
