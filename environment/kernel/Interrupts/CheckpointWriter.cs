using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Cellar.Interrupts;

/// <summary>
/// Puts checkpoints into the code of a cell: at the beginning of every turn of a loop, of every function, before every <c>goto</c>, and into every <c>await</c>. Nothing else changes, and no line
/// begins or ends elsewhere, so that stack traces tell the lines that were written; what the compiler has to say about columns is asked of the code as it was.
/// </summary>
/// <remarks>
/// Outermost loops look their execution's flag up once, and every turn looks only at that: <c>{ StopFlag f = Checkpoint.Flag; while (…) { if (f.Asked) Checkpoint.Throw(); … } }</c>.
/// A call that can only throw costs a loop nothing, while one that may come back costs it its alignment and a jump in every turn. Code that goes on in another execution
/// than the one that it began in, as iterators do, asks <see cref="Checkpoint.Stop"/>.
/// Blocks that clean up (<c>finally</c>, <c>Dispose</c>, static constructors) are marked, because an interrupt in their middle would leave things half done.
/// Collections of garbage are followed by a pause now and then, in which other threads, such as the one that receives interrupts, get their turn.
/// Left alone are expression trees, which are data to whoever takes them, and arguments whose text the called method is given.
/// </remarks>
internal sealed class CheckpointWriter : CSharpSyntaxWalker
{
    private const string Type = "global::Cellar.Interrupts.Checkpoint.";
    private const string FlagType = "global::Cellar.Interrupts.StopFlag";
    private const string Check = $"if ({Type}Requested) {Type}Stop(); ";
    private const string Begin = $"{Type}BeginCleaning(); try {{ ";
    private const string End = $"}} finally {{ {Type}EndCleaning(); }} ";

    private readonly List<Edit> edits = [];
    private readonly FunctionFacts facts;
    private bool unmarked;

    /// <summary>The variable that the loops of the current function look at, inside one that has it.</summary>
    private string? flag;
    private SyntaxNode? function;
    private int flags;

    private CheckpointWriter(FunctionFacts facts) => this.facts = facts;

    /// <summary>The code with its checkpoints, or null where none belong into it.</summary>
    /// <param name="tree">The code, without syntax errors.</param>
    /// <param name="model">Gives the meaning of the code; asked only where there are functions without a name.</param>
    public static string? Write(SyntaxTree tree, Func<SemanticModel> model)
    {
        var writer = new CheckpointWriter(new FunctionFacts(model));
        writer.Visit(tree.GetRoot());
        if (writer.edits.Count == 0) return null;

        string code = tree.GetText().ToString();
        var text = new StringBuilder(code.Length + 150 * writer.edits.Count);
        int written = 0;
        // Where several meet, what ends comes before what begins; inner things end first, outer things begin first: as they were visited.
        foreach (Edit edit in writer.edits.OrderBy(e => e.Position).ThenBy(e => e.Begins))
        {
            text.Append(code, written, edit.Position - written).Append(edit.Text);
            written = edit.Position + edit.Replaced;
        }

        return text.Append(code, written, code.Length - written).ToString();
    }

    public override void VisitForStatement(ForStatementSyntax node) => Loop(node, node.Statement, () => base.VisitForStatement(node));

    public override void VisitForEachStatement(ForEachStatementSyntax node) => Loop(node, node.Statement, () => base.VisitForEachStatement(node));

    public override void VisitForEachVariableStatement(ForEachVariableStatementSyntax node) => Loop(node, node.Statement, () => base.VisitForEachVariableStatement(node));

    public override void VisitWhileStatement(WhileStatementSyntax node) => Loop(node, node.Statement, () => base.VisitWhileStatement(node));

    public override void VisitDoStatement(DoStatementSyntax node) => Loop(node, node.Statement, () => base.VisitDoStatement(node));

    public override void VisitGotoStatement(GotoStatementSyntax node) => Embrace(node, Check, () => base.VisitGotoStatement(node));

    public override void VisitMethodDeclaration(MethodDeclarationSyntax node)
    {
        bool disposes = node.Identifier.ValueText is "Dispose" or "DisposeAsync";
        Function(node.Body, node.ExpressionBody, node.SemicolonToken, HasValue(node.ReturnType, node.Modifiers), disposes, () => base.VisitMethodDeclaration(node));
    }

    public override void VisitLocalFunctionStatement(LocalFunctionStatementSyntax node) =>
        Function(node.Body, node.ExpressionBody, node.SemicolonToken, HasValue(node.ReturnType, node.Modifiers), cleans: false, () => base.VisitLocalFunctionStatement(node));

    public override void VisitOperatorDeclaration(OperatorDeclarationSyntax node) =>
        Function(node.Body, node.ExpressionBody, node.SemicolonToken, HasValue(node.ReturnType, node.Modifiers), cleans: false, () => base.VisitOperatorDeclaration(node));

    public override void VisitConversionOperatorDeclaration(ConversionOperatorDeclarationSyntax node) =>
        Function(node.Body, node.ExpressionBody, node.SemicolonToken, hasValue: true, cleans: false, () => base.VisitConversionOperatorDeclaration(node));

    public override void VisitConstructorDeclaration(ConstructorDeclarationSyntax node) =>
        Function(node.Body, node.ExpressionBody, node.SemicolonToken, hasValue: false, node.Modifiers.Any(SyntaxKind.StaticKeyword), () => base.VisitConstructorDeclaration(node));

    public override void VisitPropertyDeclaration(PropertyDeclarationSyntax node) => Getter(node.ExpressionBody, node.SemicolonToken, () => base.VisitPropertyDeclaration(node));

    public override void VisitIndexerDeclaration(IndexerDeclarationSyntax node) => Getter(node.ExpressionBody, node.SemicolonToken, () => base.VisitIndexerDeclaration(node));

    public override void VisitAccessorDeclaration(AccessorDeclarationSyntax node) =>
        Function(node.Body, node.ExpressionBody, node.SemicolonToken, node.IsKind(SyntaxKind.GetAccessorDeclaration), cleans: false, () => base.VisitAccessorDeclaration(node));

    public override void VisitAnonymousMethodExpression(AnonymousMethodExpressionSyntax node)
    {
        AfterBrace(node.Block, Check);
        Within(node.Block, () => base.VisitAnonymousMethodExpression(node));
    }

    public override void VisitSimpleLambdaExpression(SimpleLambdaExpressionSyntax node) => Lambda(node, () => base.VisitSimpleLambdaExpression(node));

    public override void VisitParenthesizedLambdaExpression(ParenthesizedLambdaExpressionSyntax node) => Lambda(node, () => base.VisitParenthesizedLambdaExpression(node));

    public override void VisitAwaitExpression(AwaitExpressionSyntax node)
    {
        Insert(node.Expression.SpanStart, $"{Type}{(unmarked ? nameof(Checkpoint.WaitToClean) : nameof(Checkpoint.Wait))}(", begins: true);
        base.VisitAwaitExpression(node);
        Insert(node.Expression.Span.End, ")", begins: false);
    }

    public override void VisitInvocationExpression(InvocationExpressionSyntax node)
    {
        if (facts.TakesTextOf(node)) return;
        // A line break inside would be lost.
        if (FunctionFacts.MayCollect(node) && !node.Expression.ToString().Contains('\n') && facts.Collects(node))
            edits.Add(new Edit(node.Expression.SpanStart, node.Expression.Span.Length, Type + nameof(Checkpoint.Collect), Begins: true));
        base.VisitInvocationExpression(node);
    }

    public override void VisitObjectCreationExpression(ObjectCreationExpressionSyntax node)
    {
        if (!facts.TakesTextOf(node)) base.VisitObjectCreationExpression(node);
    }

    public override void VisitFinallyClause(FinallyClauseSyntax node)
    {
        if (FunctionFacts.Suspends(node.Block)) Unchecked(() => base.VisitFinallyClause(node));
        else Cleaning(node.Block, () => base.VisitFinallyClause(node));
    }

    public override void VisitQueryExpression(QueryExpressionSyntax node)
    {
        if (!facts.IsTree(node)) base.VisitQueryExpression(node);
    }

    public override void VisitQueryBody(QueryBodySyntax node)
    {
        foreach (FromClauseSyntax from in node.Clauses.OfType<FromClauseSyntax>()) Open(from.Expression);
        base.VisitQueryBody(node);
        foreach (FromClauseSyntax from in node.Clauses.OfType<FromClauseSyntax>()) Close(from.Expression);
    }

    public override void VisitWhereClause(WhereClauseSyntax node) => Pass(() => base.VisitWhereClause(node), node.Condition);

    public override void VisitLetClause(LetClauseSyntax node) => Pass(() => base.VisitLetClause(node), node.Expression);

    public override void VisitSelectClause(SelectClauseSyntax node) => Pass(() => base.VisitSelectClause(node), node.Expression);

    public override void VisitOrdering(OrderingSyntax node) => Pass(() => base.VisitOrdering(node), node.Expression);

    public override void VisitGroupClause(GroupClauseSyntax node) => Pass(() => base.VisitGroupClause(node), node.GroupExpression, node.ByExpression);

    public override void VisitJoinClause(JoinClauseSyntax node) => Pass(() => base.VisitJoinClause(node), node.LeftExpression, node.RightExpression);

    /// <summary>Whether an expression body is what the function returns; asynchronous ones without a type argument return nothing.</summary>
    private static bool HasValue(TypeSyntax type, SyntaxTokenList modifiers)
    {
        if (type is PredefinedTypeSyntax { Keyword.RawKind: (int)SyntaxKind.VoidKeyword }) return false;
        if (!modifiers.Any(SyntaxKind.AsyncKeyword)) return true;
        return type switch
        {
            QualifiedNameSyntax qualified => qualified.Right is GenericNameSyntax,
            AliasQualifiedNameSyntax qualified => qualified.Name is GenericNameSyntax,
            _ => type is GenericNameSyntax,
        };
    }

    private void Loop(StatementSyntax loop, StatementSyntax body, Action visit)
    {
        bool own = flag is null && !unmarked && !FunctionFacts.Yields(function) && !DeclaresForOthers(loop, body);
        if (own)
        {
            flag = $"__stop{++flags}";
            Insert(loop.SpanStart, $"{{ {FlagType} {flag} = {Type}Flag; ", begins: true);
        }

        string check = flag is null ? Check : $"if ({flag}.Asked) {Type}Throw(); ";
        if (body is BlockSyntax block)
        {
            AfterBrace(block, check);
            visit();
        }
        else
        {
            Embrace(body, check, visit);
        }

        if (!own) return;
        Insert(loop.Span.End, " }", begins: false);
        flag = null;
    }

    /// <summary>At the top level of a cell, what the head of a loop declares may be meant for the code below, and braces would hide it.</summary>
    private static bool DeclaresForOthers(StatementSyntax loop, StatementSyntax body) =>
        (loop.Parent is LabeledStatementSyntax ? loop.Parent.Parent : loop.Parent) is GlobalStatementSyntax && loop.DescendantNodes(node => node != body).Any(node => node is SingleVariableDesignationSyntax);

    /// <summary>A piece of code whose loops do not look at a flag that was looked up outside.</summary>
    private void Within(SyntaxNode? code, Action visit)
    {
        (string? outerFlag, SyntaxNode? outer) = (flag, function);
        (flag, function) = (null, code);
        visit();
        (flag, function) = (outerFlag, outer);
    }

    private void Embrace(StatementSyntax statement, string check, Action visit)
    {
        bool inserts = !unmarked;
        if (inserts) Insert(statement.SpanStart, "{ " + check, begins: true);
        visit();
        if (inserts) Insert(statement.Span.End, " }", begins: false);
    }

    private void Function(BlockSyntax? block, ArrowExpressionClauseSyntax? arrow, SyntaxToken semicolon, bool hasValue, bool cleans, Action visitAll)
    {
        Action visit = () => Within(block, visitAll);
        if (block is not null && cleans)
        {
            if (FunctionFacts.Suspends(block)) Unchecked(visit);
            else Cleaning(block, visit);
        }
        else if (block is not null)
        {
            AfterBrace(block, Check);
            visit();
        }
        else if (arrow is { Expression: not ThrowExpressionSyntax } && !cleans)
        {
            edits.Add(new Edit(arrow.ArrowToken.SpanStart, arrow.ArrowToken.Span.Length, "{ " + Check, Begins: true));
            // In front of the expression, which may stand on a line of its own.
            if (hasValue) Insert(arrow.Expression.SpanStart, "return ", begins: true);
            visit();
            Insert(semicolon.Span.End, " }", begins: false);
        }
        else
        {
            visit();
        }
    }

    /// <summary>A property or indexer whose body is an expression.</summary>
    private void Getter(ArrowExpressionClauseSyntax? arrow, SyntaxToken semicolon, Action visit)
    {
        if (arrow is { Expression: not ThrowExpressionSyntax }) Insert(arrow.ArrowToken.SpanStart, "{ get ", begins: true);
        Function(null, arrow, semicolon, hasValue: true, cleans: false, visit);
        if (arrow is { Expression: not ThrowExpressionSyntax }) Insert(semicolon.Span.End, " }", begins: false);
    }

    private void Lambda(LambdaExpressionSyntax lambda, Action visit)
    {
        if (lambda.Block is { } block)
        {
            AfterBrace(block, Check);
            Within(block, visit);
            return;
        }

        ExpressionSyntax body = lambda.ExpressionBody!;
        LambdaKind kind = facts.KindOf(lambda);
        if (kind == LambdaKind.Tree) return;
        bool check = kind != LambdaKind.Unknown && body is not ThrowExpressionSyntax;
        if (check) Insert(body.SpanStart, "{ " + Check + (kind == LambdaKind.Value ? "return " : ""), begins: true);
        Within(body, visit);
        if (check) Insert(body.Span.End, "; }", begins: false);
    }

    private void Pass(Action visit, params ReadOnlySpan<ExpressionSyntax> expressions)
    {
        foreach (ExpressionSyntax expression in expressions) Open(expression);
        visit();
        foreach (ExpressionSyntax expression in expressions) Close(expression);
    }

    private void Open(ExpressionSyntax expression)
    {
        if (!IsName(expression)) Insert(expression.SpanStart, Type + "Pass(", begins: true);
    }

    private void Close(ExpressionSyntax expression)
    {
        if (!IsName(expression)) Insert(expression.Span.End, ")", begins: false);
    }

    /// <summary>A clause that only names a variable does no work, and the compiler may leave it out.</summary>
    private static bool IsName(ExpressionSyntax expression) => expression is IdentifierNameSyntax;

    private void Cleaning(BlockSyntax block, Action visit)
    {
        AfterBrace(block, Begin);
        Within(block, visit);
        Insert(block.CloseBraceToken.SpanStart, End, begins: false);
    }

    /// <summary>Code that cleans up across an <c>await</c> may change threads, and cannot be marked: it gets no checkpoints, and its awaits are not ended.</summary>
    private void Unchecked(Action visit)
    {
        bool before = unmarked;
        unmarked = true;
        visit();
        unmarked = before;
    }

    private void AfterBrace(BlockSyntax block, string text)
    {
        if (!unmarked) Insert(block.OpenBraceToken.Span.End, " " + text, begins: true);
    }

    private void Insert(int position, string text, bool begins) => edits.Add(new Edit(position, 0, text, begins));

    private readonly record struct Edit(int Position, int Replaced, string Text, bool Begins);
}
