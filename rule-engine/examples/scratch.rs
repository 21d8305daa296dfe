//! scratch
use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::load::Loader;
use peregrine_rule_engine::resolve::{Backend, Compiled};
use peregrine_rule_engine::syntax::ast::*;
struct Fake {
    sources: Vec<String>,
    fields: Vec<(String, String)>,
}
impl Fake {
    fn known(&self, name: &str, _arg: bool) -> bool {
        self.fields.iter().any(|(f, _)| f == name || (name.starts_with("evt.arg.") || name.starts_with("evt.rawarg.")))
            || name.starts_with("ka.")
            || name.starts_with("container.")
            || name.starts_with("k8s.")
    }
    fn op(&self, o: &Operand) -> Result<(), String> {
        match o {
            Operand::Field(f, _) => {
                if self.known(&f.name, f.arg.is_some()) {
                    Ok(())
                } else {
                    Err(format!("filter_check called with nonexistent field {}", f.name))
                }
            }
            Operand::Transformer(t, _) => t.args.iter().try_for_each(|a| self.op(a)),
            _ => Ok(()),
        }
    }
    fn walk(&self, t: &Expr) -> Result<bool, (String, Position)> {
        Ok(match t {
            Expr::And(c, _) => {
                let mut r = false;
                for x in c {
                    r |= self.walk(x)?;
                }
                r
            }
            Expr::Or(c, _) => {
                let mut r = true;
                for x in c {
                    r &= self.walk(x)?;
                }
                r
            }
            Expr::Not(c, _) => self.walk(c)?,
            Expr::Macro(..) => false,
            Expr::Exists(o, p) => {
                self.op(o).map_err(|m| (m, *p))?;
                false
            }
            Expr::Check(c, p) => {
                self.op(&c.left).map_err(|m| (m, *p))?;
                if let Right::Operand(o) = &c.right {
                    self.op(o).map_err(|m| (m, *p))?;
                }
                matches!(&c.left, Operand::Field(f,_) if f.name=="evt.type")
            }
        })
    }
}
impl Backend for Fake {
    type Condition = ();
    type Template = ();
    fn sources(&self) -> &[String] {
        &self.sources
    }
    fn field(&mut self, _s: &str, t: &str) -> Result<bool, String> {
        let n = t.split('[').next().unwrap_or("");
        Ok(if t.contains('(') { true } else { self.known(n, t.contains('[')) })
    }
    fn near_field(&self, _s: &str, t: &str) -> Option<String> {
        peregrine_rule_engine::diag::did_you_mean(t, self.fields.iter().map(|f| f.0.as_str()))
    }
    fn condition(&mut self, _s: &str, t: &Expr) -> Result<Compiled<()>, (String, Position)> {
        let e = self.walk(t)?;
        Ok(Compiled { condition: (), event_types: if e { 1 } else { 200 }, hints: vec![] })
    }
    fn template(&mut self, _s: &str, t: &str) -> Result<(), String> {
        let mut r = t;
        while let Some(p) = r.find('%') {
            r = &r[p + 1..];
            let e = r.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '_')).unwrap_or(r.len());
            let n = &r[..e];
            if n.is_empty()
                || !(1..=n.len()).any(|k| self.known(&n[..k], false))
                    && !n.contains('(')
                    && !["tolower", "toupper", "len", "b64", "join", "concat", "basename", "getopt"].contains(&n)
            {
                return Err("unknown filter: unexpected token after '".into());
            }
        }
        Ok(())
    }
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut files = vec![];
    let mut json = true;
    let mut human = false;
    let mut i = 1;
    while i < args.len() {
        match args[i].as_str() {
            "-c" => i += 2,
            "-V" => {
                files.push(args[i + 1].clone());
                i += 2
            }
            "-o" => {
                json = args[i + 1].contains("true");
                i += 2
            }
            "-H" => {
                human = true;
                i += 1
            }
            _ => i += 1,
        }
    }
    let d: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("/work/shared/spec/fields.json").unwrap()).unwrap();
    let mut fields = vec![];
    fn rec(v: &serde_json::Value, out: &mut Vec<(String, String)>) {
        match v {
            serde_json::Value::Object(o) => {
                if let Some(n) = o.get("name").and_then(|n| n.as_str()) {
                    out.push((n.into(), String::new()));
                }
                for x in o.values() {
                    rec(x, out)
                }
            }
            serde_json::Value::Array(a) => {
                for x in a {
                    rec(x, out)
                }
            }
            _ => {}
        }
    }
    rec(&d, &mut fields);
    let bytes: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|f| match std::fs::read(f) {
            Ok(b) => (f.clone(), b),
            Err(e) => {
                eprintln!("{e}");
                std::process::exit(1)
            }
        })
        .collect();
    let t = std::time::Instant::now();
    let loaded = Loader::new(Fake { sources: vec!["syscall".into()], fields })
        .load(bytes.iter().map(|(n, b)| (n.as_str(), b.as_slice())));
    if std::env::var("TIME").is_ok() {
        eprintln!("{:?}", t.elapsed());
    }
    if let Err(e) = loaded.check_plugins(&[("container", "0.7.1")]) {
        eprintln!("Error: {e}");
        std::process::exit(1);
    }
    if human {
        print!("{}", loaded.render(Style { colour: false }));
    } else if json {
        println!("{}", serde_json::json!({"falco_load_results": loaded.falco_json()}));
    } else {
        let (s, w) = loaded.falco_text();
        println!("{s}");
        for w in w {
            eprintln!("{w}");
        }
    }
    std::process::exit(i32::from(!loaded.is_successful()));
}
