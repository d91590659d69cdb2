tasks-title = 作業
tasks-waiting = 未完了
tasks-overdue = 期限超過
tasks-do = 操作
tasks-none = 未完了の作業はありません。
tasks-none-so = 条件に合う作業はありません。
tasks-all = すべての作業
