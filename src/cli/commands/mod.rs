//! One file for each command. A stand-in for the others' arguments.

pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod hook;
pub(crate) mod init;

macro_rules! stand_in {
    ($($module:ident: $($args:ident)+),+ $(,)?) => {
        $(pub(crate) mod $module {
            $(
                #[derive(Debug, clap::Args)]
                pub(crate) struct $args {}
            )+
        })+
    };
}

stand_in! {
    add: AddArgs,
    approve: ApproveArgs RejectArgs,
    bench: BenchArgs,
    check: CheckArgs,
    config: ConfigArgs,
    edit: EditArgs,
    log: LogArgs,
    pick: PickArgs,
    queue: QueueArgs,
    report: ReportArgs,
    run: RunArgs,
    show: ShowArgs,
    status: StatusArgs,
    stop: StopArgs,
    submit: SubmitArgs,
    sync: SyncArgs,
    undo: UndoArgs,
}
