//! Tokens to a tree, with Go's checks: functions and variables must be known, blocks must close.

use std::collections::BTreeMap;

use super::lex::{Kind, Token};
use super::{MAX_NESTING, Problem, builtin, functions};

pub(super) type Body = Vec<Node>;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    If(Pipe, Body, Body),
    With(Pipe, Body, Body),
    Range(Pipe, Body, Body),
    Template { name: String, data: Option<Pipe>, line: usize },
    Break,
    Continue,
}

/// `$x := a | b c`.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    pub variables: Vec<String>,
    /// `=` instead of `:=`.
    pub assigns: bool,
    pub commands: Vec<Command>,
    pub line: usize,
}

/// An operand, or a function with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub operands: Vec<Operand>,
}

/// A term and the fields taken of it.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub term: Term,
    pub fields: Vec<String>,
    pub line: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Term {
    Dot,
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Function(String),
    Variable(String),
    Paren(Box<Pipe>),
}

pub(super) fn parse(
    tokens: Vec<Token>,
    variables: &[&str],
) -> Result<(Body, BTreeMap<String, Body>), Problem> {
    let mut scope: Vec<String> = vec![String::new()];
    scope.extend(variables.iter().map(|name| (*name).to_owned()));
    let mut parser = Parser { tokens, at: 0, scope, defined: BTreeMap::new(), depth: 0, loops: 0 };
    let (body, end) = parser.body()?;
    match end {
        Closed::Eof => Ok((body, parser.defined)),
        Closed::End => parser.fail("unexpected {{end}}"),
        Closed::Else => parser.fail("unexpected {{else}}"),
    }
}

/// What closed a body.
#[derive(PartialEq)]
enum Closed {
    Eof,
    End,
    Else,
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// Names of the variables in reach.
    scope: Vec<String>,
    defined: BTreeMap<String, Body>,
    depth: usize,
    loops: usize,
}

type Parsed<T> = Result<T, Problem>;

impl Parser {
    fn peek(&self) -> &Token {
        // The last token is `End`, which is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Problem::new(self.peek().line, message))
    }

    fn unexpected<T>(&self, context: &str) -> Parsed<T> {
        let what = match &self.peek().kind {
            Kind::End => return self.fail(format!("unexpected EOF in {context}")),
            Kind::Close => "\"}}\"".to_owned(),
            Kind::Text(text) => format!("{text:?}"),
            Kind::Open => "\"{{\"".to_owned(),
            Kind::Field(name) => format!("<.{name}>"),
            Kind::Variable(name) => format!("\"${name}\""),
            Kind::Word(name) => format!("<{name}>"),
            Kind::Dot => "<.>".to_owned(),
            Kind::String(text) => format!("{text:?}"),
            Kind::Integer(number) => format!("\"{number}\""),
            Kind::Float(number) => format!("\"{number}\""),
            Kind::Pipe => "\"|\"".to_owned(),
            Kind::LeftParen => "\"(\"".to_owned(),
            Kind::RightParen => "\")\"".to_owned(),
            Kind::Declare => "\":=\"".to_owned(),
            Kind::Assign => "\"=\"".to_owned(),
            Kind::Comma => "\",\"".to_owned(),
        };
        self.fail(format!("unexpected {what} in {context}"))
    }

    fn descend(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth <= MAX_NESTING {
            return Ok(());
        }
        self.fail(format!("template nests deeper than the limit of {MAX_NESTING} levels"))
    }

    /// Nodes up to an `{{end}}`, an `{{else}}` (its word consumed) or the end of the text.
    fn body(&mut self) -> Parsed<(Body, Closed)> {
        let mut body = Body::new();
        loop {
            match self.next().kind {
                Kind::Text(text) => body.push(Node::Text(text)),
                Kind::End => return Ok((body, Closed::Eof)),
                _ => match self.peek().kind.clone() {
                    Kind::Word(word) if word == "end" => {
                        self.at += 1;
                        self.close("end")?;
                        return Ok((body, Closed::End));
                    }
                    Kind::Word(word) if word == "else" => {
                        self.at += 1;
                        return Ok((body, Closed::Else));
                    }
                    Kind::Word(word) => body.extend(self.word_action(&word)?),
                    _ => body.push(Node::Action(self.action()?)),
                },
            }
        }
    }

    fn close(&mut self, context: &str) -> Parsed<()> {
        if self.peek().kind == Kind::Close {
            self.at += 1;
            return Ok(());
        }
        self.unexpected(context)
    }

    fn action(&mut self) -> Parsed<Pipe> {
        let pipe = self.pipe("command")?;
        self.close("operand")?;
        Ok(pipe)
    }

    fn word_action(&mut self, word: &str) -> Parsed<Option<Node>> {
        let known = ["if", "with", "range", "template", "block", "define", "break", "continue"];
        if !known.contains(&word) {
            return Ok(Some(Node::Action(self.action()?)));
        }
        let line = self.next().line;
        self.descend()?;
        let node = match word {
            "if" | "with" | "range" => Some(self.control(word)?),
            "define" | "block" => self.definition(word, line)?,
            "template" => {
                let name = self.name("template")?;
                let data =
                    if self.peek().kind == Kind::Close { None } else { Some(self.pipe("template clause")?) };
                self.close("template clause")?;
                Some(Node::Template { name, data, line })
            }
            _ => {
                if self.loops == 0 {
                    return self.fail(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                self.close(word)?;
                Some(if word == "break" { Node::Break } else { Node::Continue })
            }
        };
        self.depth -= 1;
        Ok(node)
    }

    fn name(&mut self, context: &str) -> Parsed<String> {
        match self.peek().kind.clone() {
            Kind::String(name) => {
                self.at += 1;
                Ok(name)
            }
            _ => self.unexpected(&format!("{context} clause")),
        }
    }

    fn definition(&mut self, word: &str, line: usize) -> Parsed<Option<Node>> {
        let name = self.name(word)?;
        let data = if word == "block" { Some(self.pipe("block clause")?) } else { None };
        self.close(word)?;
        // A definition sees no variables but `$`.
        let outer = std::mem::replace(&mut self.scope, vec![String::new()]);
        let loops = std::mem::take(&mut self.loops);
        let (body, end) = self.body()?;
        (self.scope, self.loops) = (outer, loops);
        if end != Closed::End {
            return self.fail("unexpected EOF");
        }
        self.defined.insert(name.clone(), body);
        Ok(data.map(|data| Node::Template { name, data: Some(data), line }))
    }

    fn control(&mut self, word: &str) -> Parsed<Node> {
        let scope = self.scope.len();
        let pipe = self.pipe(word)?;
        self.close(word)?;
        self.loops += usize::from(word == "range");
        let (body, end) = self.body()?;
        self.loops -= usize::from(word == "range");
        let otherwise = match end {
            Closed::End => Body::new(),
            Closed::Eof => return self.fail("unexpected EOF"),
            Closed::Else => self.otherwise(word)?,
        };
        self.scope.truncate(scope);
        Ok(match word {
            "if" => Node::If(pipe, body, otherwise),
            "with" => Node::With(pipe, body, otherwise),
            _ => Node::Range(pipe, body, otherwise),
        })
    }

    /// After `else`: another condition, or a body.
    fn otherwise(&mut self, word: &str) -> Parsed<Body> {
        if let Kind::Word(next) = self.peek().kind.clone()
            && next == word
            && word != "range"
        {
            self.at += 1;
            self.descend()?;
            let node = self.control(word)?;
            self.depth -= 1;
            return Ok(vec![node]);
        }
        self.close("else")?;
        match self.body()? {
            (body, Closed::End) => Ok(body),
            (_, Closed::Eof) => self.fail("unexpected EOF"),
            (_, Closed::Else) => self.fail("expected end; found {{else}}"),
        }
    }

    fn pipe(&mut self, context: &str) -> Parsed<Pipe> {
        let line = self.peek().line;
        let (variables, assigns) = self.declaration(context)?;
        let mut commands = Vec::new();
        loop {
            let command = self.command()?;
            if command.operands.is_empty() {
                return match self.peek().kind {
                    Kind::Close | Kind::RightParen if commands.is_empty() => {
                        self.fail(format!("missing value for {context}"))
                    }
                    Kind::Close | Kind::RightParen | Kind::Pipe => self.fail("missing value for command"),
                    _ => self.unexpected("operand"),
                };
            }
            let takes_no_input = !matches!(command.operands[0].term, Term::Function(_));
            if !commands.is_empty() && takes_no_input {
                let stage = commands.len() + 1;
                return self.fail(format!("non executable command in pipeline stage {stage}"));
            }
            commands.push(command);
            if self.peek().kind != Kind::Pipe {
                break;
            }
            self.at += 1;
        }
        // Variables are in reach after the pipe that declares them.
        if !assigns {
            self.scope.extend(variables.iter().cloned());
        }
        Ok(Pipe { variables, assigns, commands, line })
    }

    /// `$x :=`, `$x =`, and of a range `$i, $x :=`.
    fn declaration(&mut self, context: &str) -> Parsed<(Vec<String>, bool)> {
        let name_at = |place: usize| match self.tokens.get(place).map(|token| &token.kind) {
            Some(Kind::Variable(name)) => Some(name.clone()),
            _ => None,
        };
        let kind_at = |place: usize| self.tokens.get(place).map(|token| &token.kind);
        let Some(first) = name_at(self.at) else { return Ok((Vec::new(), false)) };
        let (names, operator) = match (kind_at(self.at + 1), name_at(self.at + 2)) {
            (Some(Kind::Comma), Some(second)) if context == "range" => (vec![first, second], self.at + 3),
            (Some(Kind::Comma), _) => return self.fail(format!("too many declarations in {context}")),
            _ => (vec![first], self.at + 1),
        };
        let assigns = match kind_at(operator) {
            Some(Kind::Declare) => false,
            Some(Kind::Assign) => true,
            _ => return Ok((Vec::new(), false)),
        };
        self.at = operator + 1;
        Ok((names, assigns))
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut operands = Vec::new();
        while let Some(operand) = self.operand()? {
            operands.push(operand);
            let next = self.peek();
            if !next.spaced && !matches!(next.kind, Kind::Close | Kind::RightParen | Kind::Pipe) {
                return self.unexpected("operand");
            }
        }
        Ok(Command { operands })
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let token = self.peek().clone();
        let mut fields = Vec::new();
        let term = match token.kind {
            Kind::Dot => Term::Dot,
            Kind::Field(name) => {
                fields.push(name);
                Term::Dot
            }
            Kind::Variable(name) if self.scope.contains(&name) => Term::Variable(name),
            Kind::Variable(name) => return self.fail(format!("undefined variable \"${name}\"")),
            Kind::String(text) => Term::String(text),
            Kind::Integer(number) => Term::Integer(number),
            Kind::Float(number) => Term::Float(number),
            Kind::Word(word) => match word.as_str() {
                "nil" => Term::Nil,
                "true" | "false" => Term::Bool(word == "true"),
                _ if functions::is_known(&word) || builtin::is_known(&word) => Term::Function(word),
                _ => return self.fail(format!("function \"{word}\" not defined")),
            },
            Kind::LeftParen => {
                self.at += 1;
                self.descend()?;
                let pipe = self.pipe("parenthesized pipeline")?;
                self.depth -= 1;
                if self.peek().kind != Kind::RightParen {
                    return self.fail("unclosed left paren");
                }
                Term::Paren(Box::new(pipe))
            }
            Kind::End | Kind::Text(_) | Kind::Open => return self.fail("unclosed action"),
            _ => return Ok(None),
        };
        self.at += 1;
        while let Kind::Field(name) = self.peek().kind.clone()
            && !self.peek().spaced
        {
            if matches!(term, Term::String(_) | Term::Integer(_) | Term::Float(_) | Term::Bool(_) | Term::Nil)
            {
                let term = match &term {
                    Term::Bool(value) => value.to_string(),
                    Term::Integer(number) => number.to_string(),
                    Term::Float(number) => number.to_string(),
                    Term::String(text) => text.clone(),
                    _ => "nil".to_owned(),
                };
                return self.fail(format!("unexpected . after term {}", model::quote::quoted(term)));
            }
            fields.push(name);
            self.at += 1;
        }
        Ok(Some(Operand { term, fields, line: token.line }))
    }
}
