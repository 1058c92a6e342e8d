//! Runs a parsed template: dot, variables, loops, and the text that comes out, within bounds.

use std::rc::Rc;

use super::format::shown;
use super::parse::{Body, Command, Node, Operand, Pipe, Term};
use super::value::Value;
use super::{
    AlertData, Environment, MAX_NESTING, MAX_OUTPUT_BYTES, MAX_STEPS, Template, TemplateError, builtin,
    functions,
};

pub(super) fn run(
    template: &Template,
    data: &AlertData,
    environment: &Environment<'_>,
) -> Result<String, TemplateError> {
    let root = Value::Alert(Rc::new(data.clone()));
    let mut variables = vec![(String::new(), root.clone())];
    for (name, field) in [
        ("labels", "Labels"),
        ("externalLabels", "ExternalLabels"),
        ("externalURL", "ExternalURL"),
        ("value", "Value"),
    ] {
        variables.push((name.to_owned(), root.field(field).unwrap_or(Value::Nil)));
    }
    let mut runner =
        Runner { template, data, environment, variables, out: String::new(), steps: 0, depth: 0 };
    match runner.body(&template.body, &root) {
        Ok(_) => Ok(runner.out),
        Err(stop) => Err(TemplateError::Run {
            name: template.name.clone(),
            line: stop.line,
            at: stop.at,
            message: stop.message,
        }),
    }
}

struct Runner<'a> {
    template: &'a Template,
    data: &'a AlertData,
    environment: &'a Environment<'a>,
    /// Innermost last.
    variables: Vec<(String, Value)>,
    out: String,
    steps: usize,
    depth: usize,
}

struct Stop {
    line: usize,
    at: String,
    message: String,
}

/// How a body ended.
#[derive(PartialEq)]
enum Flow {
    Normal,
    Break,
    Continue,
}

type Ran<T> = Result<T, Stop>;

impl Runner<'_> {
    fn stop<T>(&self, line: usize, at: impl Into<String>, message: impl Into<String>) -> Ran<T> {
        Err(Stop { line, at: at.into(), message: message.into() })
    }

    fn body(&mut self, body: &Body, dot: &Value) -> Ran<Flow> {
        for node in body {
            let flow = self.node(node, dot)?;
            if flow != Flow::Normal {
                return Ok(flow);
            }
        }
        Ok(Flow::Normal)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Ran<Flow> {
        match node {
            Node::Text(text) => self.write(text, 0)?,
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.write(&shown(&value), pipe.line)?;
                }
            }
            Node::If(pipe, body, otherwise) => return self.branch(pipe, body, otherwise, dot, false),
            Node::With(pipe, body, otherwise) => return self.branch(pipe, body, otherwise, dot, true),
            Node::Range(pipe, body, otherwise) => return self.range(pipe, body, otherwise, dot),
            Node::Template { name, data, line } => {
                let data = data.as_ref().map_or(Ok(Value::Nil), |pipe| self.pipe(pipe, dot))?;
                self.call_template(name, data, *line)?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Normal)
    }

    fn write(&mut self, text: &str, line: usize) -> Ran<()> {
        self.step(line)?;
        if self.out.len() + text.len() > MAX_OUTPUT_BYTES {
            let message = format!("template writes more than the limit of {MAX_OUTPUT_BYTES} bytes");
            return self.stop(line, "", message);
        }
        self.out.push_str(text);
        Ok(())
    }

    fn step(&mut self, line: usize) -> Ran<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return self.stop(line, "", format!("template takes more than the limit of {MAX_STEPS} steps"));
        }
        Ok(())
    }

    fn branch(
        &mut self,
        pipe: &Pipe,
        body: &Body,
        otherwise: &Body,
        dot: &Value,
        sets_dot: bool,
    ) -> Ran<Flow> {
        let scope = self.variables.len();
        let value = self.pipe(pipe, dot)?;
        let flow = if value.is_true() {
            self.body(body, if sets_dot { &value } else { dot })
        } else {
            self.body(otherwise, dot)
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, pipe: &Pipe, body: &Body, otherwise: &Body, dot: &Value) -> Ran<Flow> {
        let scope = self.variables.len();
        let over = self.commands(pipe, dot)?;
        let (line, mut turns) = (pipe.line, 0);
        let total = self.turns(&over, line)?;
        while turns < total {
            let (key, value) = turn(&over, turns);
            turns += 1;
            self.step(line)?;
            match pipe.variables.as_slice() {
                [] => {}
                [one] => self.bind(one, value.clone(), pipe.assigns),
                [first, second, ..] => {
                    self.bind(first, key, pipe.assigns);
                    self.bind(second, value.clone(), pipe.assigns);
                }
            }
            let flow = self.body(body, &value);
            self.variables.truncate(scope);
            if flow? == Flow::Break {
                break;
            }
        }
        if total == 0 {
            return self.body(otherwise, dot);
        }
        Ok(Flow::Normal)
    }

    fn turns(&self, over: &Value, line: usize) -> Ran<usize> {
        match over {
            Value::List(list) => Ok(list.len()),
            Value::Labels(labels) => Ok(labels.len()),
            Value::Map(map) => Ok(map.len()),
            Value::Integer(count) => Ok(usize::try_from(*count).unwrap_or(0)),
            Value::Nil => Ok(0),
            other => self.stop(line, "range", format!("range can't iterate over {}", shown(other))),
        }
    }

    fn bind(&mut self, name: &str, value: Value, assigns: bool) {
        let known = self.variables.iter_mut().rev().find(|(have, _)| have == name).filter(|_| assigns);
        match known {
            Some(slot) => slot.1 = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    fn call_template(&mut self, name: &str, data: Value, line: usize) -> Ran<()> {
        let Some(body) = self.template.defined.get(name) else {
            return self.stop(line, "template", format!("template {name:?} not defined"));
        };
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return self.stop(
                line,
                "template",
                format!("templates call deeper than the limit of {MAX_NESTING}"),
            );
        }
        // A template sees no variables but `$`, its own dot.
        let outer = std::mem::replace(&mut self.variables, vec![(String::new(), data.clone())]);
        let result = self.body(body, &data);
        self.variables = outer;
        self.depth -= 1;
        result.map(|_| ())
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Ran<Value> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.variables {
            if pipe.assigns && !self.variables.iter().any(|(have, _)| have == name) {
                return self.stop(pipe.line, format!("${name}"), format!("undefined variable: ${name}"));
            }
            self.bind(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &Pipe, dot: &Value) -> Ran<Value> {
        self.step(pipe.line)?;
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(&mut self, command: &Command, dot: &Value, piped: Option<Value>) -> Ran<Value> {
        let first = &command.operands[0];
        if let Term::Function(name) = &first.term
            && first.fields.is_empty()
        {
            return self.function(name, &command.operands[1..], dot, piped, first.line);
        }
        if command.operands.len() > 1 || piped.is_some() {
            let at = first.fields.last().map_or_else(|| "value".to_owned(), |name| format!(".{name}"));
            return self.stop(first.line, at.clone(), format!("can't give argument to non-function {at}"));
        }
        self.operand(first, dot)
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Ran<Value> {
        let mut value = match &operand.term {
            Term::Dot => dot.clone(),
            Term::Nil => Value::Nil,
            Term::Bool(value) => Value::Bool(*value),
            Term::Integer(number) => Value::Integer(*number),
            Term::Float(number) => Value::Float(*number),
            Term::String(text) => Value::text(text),
            Term::Function(name) => self.function(name, &[], dot, None, operand.line)?,
            Term::Variable(name) => {
                let found = self.variables.iter().rev().find(|(have, _)| have == name);
                found.map_or(Value::Nil, |(_, value)| value.clone())
            }
            Term::Paren(pipe) => self.pipe(pipe, dot)?,
        };
        for name in &operand.fields {
            value = match value.field(name) {
                Ok(value) => value,
                Err(message) => return self.stop(operand.line, format!(".{name}"), message),
            };
        }
        Ok(value)
    }

    fn function(
        &mut self,
        name: &str,
        operands: &[Operand],
        dot: &Value,
        piped: Option<Value>,
        line: usize,
    ) -> Ran<Value> {
        if name == "and" || name == "or" {
            return self.first_deciding(name == "or", operands, dot, piped, line);
        }
        let mut args = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            args.push(self.operand(operand, dot)?);
        }
        args.extend(piped);
        if name == "tmpl" {
            return self.tmpl(args, line);
        }
        let result = match functions::is_known(name) {
            true => functions::call(name, &args, self.data, self.environment),
            false => builtin::call(name, &args),
        };
        result.or_else(|message| self.stop(line, name, format!("error calling {name}: {message}")))
    }

    /// `or` stops at what is true, `and` at what is not; later arguments are not evaluated.
    fn first_deciding(
        &mut self,
        stops_at: bool,
        operands: &[Operand],
        dot: &Value,
        piped: Option<Value>,
        line: usize,
    ) -> Ran<Value> {
        let mut last = None;
        for operand in operands {
            let value = self.operand(operand, dot)?;
            if value.is_true() == stops_at {
                return Ok(value);
            }
            last = Some(value);
        }
        match piped.or(last) {
            Some(value) => Ok(value),
            None => {
                let name = if stops_at { "or" } else { "and" };
                self.stop(line, name, format!("wrong number of args for {name}: want at least 1 got 0"))
            }
        }
    }

    /// What a defined template writes, as a value.
    fn tmpl(&mut self, args: Vec<Value>, line: usize) -> Ran<Value> {
        let [Value::Text(name), data] = args.as_slice() else {
            return self.stop(line, "tmpl", "error calling tmpl: wants the name of a template and its data");
        };
        let before = self.out.len();
        self.call_template(name, data.clone(), line)?;
        Ok(Value::text(self.out.split_off(before)))
    }
}

/// Key and value of one turn of a loop.
fn turn(over: &Value, place: usize) -> (Value, Value) {
    let pair = match over {
        Value::List(list) => list.get(place).map(|value| (Value::Integer(place as i64), value.clone())),
        Value::Labels(labels) => {
            labels.iter().nth(place).map(|(name, value)| (Value::text(name), Value::text(value)))
        }
        Value::Map(map) => map.iter().nth(place).map(|(name, value)| (Value::text(name), value.clone())),
        _ => Some((Value::Integer(place as i64), Value::Integer(place as i64))),
    };
    pair.unwrap_or((Value::Nil, Value::Nil))
}
