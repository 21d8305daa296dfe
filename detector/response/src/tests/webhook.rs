//! Proposals to a server.

use super::*;

/// A server that says that it has received a proposal, and keeps the next one until the test lets it.
struct Peer {
    received: std::sync::mpsc::Sender<String>,
    answers: Reports<Result<(), String>>,
}

impl Post for Peer {
    fn post(&mut self, proposal: &Proposal) -> Result<(), String> {
        self.received.send(proposal.action.to_string()).unwrap();
        self.answers.recv().unwrap()
    }
}

fn with_webhook(config: Config) -> (Tried, Reports<String>, std::sync::mpsc::Sender<Result<(), String>>) {
    let ((received, posts), (answer, answers)) = (channel(), channel());
    let (sender, reports) = channel();
    let boot = boot_time();
    let plan = Plan::new(config).unwrap().with_webhook(Box::new(Peer { received, answers }));
    let responder = Responder::start_here(plan, boot, move |report| drop(sender.send(report))).unwrap();
    (Tried { responder, reports, boot }, posts, answer)
}

#[test]
fn a_webhook_only_proposes_and_never_blocks() {
    let kill = Action::Webhook(Some(std::sync::Arc::new(Action::Kill(Scope::Process))));
    let (tried, posts, answer) = with_webhook(config());
    let mut planted = Planted::new();
    answer.send(Ok(())).unwrap();
    assert_eq!(tried.of(kill.clone(), planted.subject()), Outcome::Done(1));
    assert_eq!(posts.recv_timeout(MOMENT).unwrap(), "webhook (kill process)");
    answer.send(Err("status 500".to_owned())).unwrap();
    assert_eq!(tried.of(kill.clone(), planted.subject()), Outcome::Failed("status 500".to_owned()));
    posts.recv_timeout(MOMENT).unwrap();
    // The server does not answer: 64 wait, and other actions are done meanwhile.
    tried.propose(kill.clone(), planted.subject(), tried.now());
    posts.recv_timeout(MOMENT).unwrap();
    for _ in 0..65 {
        // One after the other, as the queue of the thread that decides is bounded too.
        tried.propose(kill.clone(), planted.subject(), tried.now());
        tried.propose(Action::Continue(Scope::Process), planted.subject(), tried.now());
        let outcome = tried.outcome();
        if outcome == Outcome::Lost {
            assert_eq!(tried.outcome(), Outcome::Done(1));
            assert!(planted.is_alive());
            // For those that wait.
            (0..65).for_each(|_| answer.send(Ok(())).unwrap());
            (0..65).for_each(|_| assert_eq!(tried.outcome(), Outcome::Done(1)));
            return;
        }
        assert_eq!(outcome, Outcome::Done(1));
    }
    panic!("66 wait");
}

#[test]
fn a_webhook_has_the_brakes_of_all_actions() {
    let (tried, posts, answer) = with_webhook(Config { mode: Mode::DryRun, ..config() });
    assert_eq!(tried.of(Action::Webhook(None), Process::default()), Outcome::DryRun(1));
    drop((tried, answer));
    assert!(posts.recv().is_err());
    let limits = Limits { per_rule: 0, ..config().limits };
    let (tried, posts, answer) = with_webhook(Config { limits, ..config() });
    assert_eq!(tried.of(Action::Webhook(None), Process::default()), Outcome::Rate);
    drop((tried, answer));
    assert!(posts.recv().is_err());
    let tried = Tried::new(config());
    assert!(matches!(tried.of(Action::Webhook(None), Process::default()), Outcome::Failed(_)));
}
