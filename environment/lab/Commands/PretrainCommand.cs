using System.CommandLine;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab pretrain</c>: trains the quarter-width encoder on the procedural source domain.</summary>
internal static class PretrainCommand
{
    public static Command Create()
    {
        var command = new Command("pretrain", "Train the quarter-width encoder on the procedural source domain.");
        command.SetAction(_ => 0);
        return command;
    }
}
